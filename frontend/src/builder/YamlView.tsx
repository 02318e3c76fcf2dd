import './yaml.css'
import { yaml } from '@codemirror/lang-yaml'
import CodeMirror, { EditorView, type ReactCodeMirrorRef } from '@uiw/react-codemirror'
import { useEffect, useMemo, useRef, useState } from 'react'
import { pageNonce } from '@/app/nonce'
import { isSame } from '@/model/document'
import { placed } from '@/model/layout'
import { findInYaml, fromYaml, toYaml } from '@/model/yaml'
import { documentOf, useBuilder } from '@/store/builder'
import { useTheme } from '@/store/theme'
import type { Kinds } from './kinds'
import { text } from './text'

export interface Jump {
  /** A JSON Pointer, or an offset into the text. */
  to: string | number
  /** Another one for each jump. */
  id: number
}

/** The document as text. Every text that can be read is the document at once; other text stays. */
export function YamlView({ kinds, jump }: { kinds: Kinds; jump: Jump | null }) {
  const document = useBuilder(documentOf)
  const broken = useBuilder((state) => state.broken)
  const { edit, setBroken } = useBuilder.getState()
  const theme = useTheme((state) => state.theme)
  const editor = useRef<ReactCodeMirrorRef>(null)
  const [written, setWritten] = useState(() => broken?.value ?? toYaml(document))
  const own = useRef(document)
  const extensions = useMemo(() => {
    const nonce = pageNonce()
    return [
      yaml(),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': text.yaml.label }),
      ...(nonce ? [EditorView.cspNonce.of(nonce)] : []),
    ]
  }, [])

  // The document changed elsewhere (undo, canvas): what it says now replaces the text.
  useEffect(() => {
    if (own.current === document) return
    own.current = document
    if (useBuilder.getState().broken === null) setWritten(toYaml(document))
  }, [document])
  useEffect(() => {
    const view = editor.current?.view
    if (!jump || !view) return
    const offset =
      typeof jump.to === 'number' ? jump.to : findInYaml(view.state.doc.toString(), jump.to)
    const anchor = Math.min(offset, view.state.doc.length)
    view.dispatch({
      selection: { anchor },
      effects: EditorView.scrollIntoView(anchor, { y: 'center' }),
    })
    view.focus()
  }, [jump])

  const write = (value: string): void => {
    setWritten(value)
    const reading = fromYaml(value)
    if ('faults' in reading) {
      setBroken({ value, faults: reading.faults })
      return
    }
    setBroken(null)
    const read = placed(reading.document, (type) => kinds.get(type))
    if (isSame(read, documentOf(useBuilder.getState()))) return
    edit({ kind: 'replace', document: read })
    own.current = documentOf(useBuilder.getState())
  }
  return (
    <div className="h-full min-w-0 overflow-hidden bg-card">
      {broken ? (
        <p role="status" className="border-b bg-surface px-4 py-1.5 text-state-failed text-xs">
          {text.yaml.broken}
        </p>
      ) : null}
      <CodeMirror
        ref={editor}
        value={written}
        theme={theme}
        height="100%"
        className="yaml-view h-full text-xs"
        extensions={extensions}
        onChange={write}
        autoFocus
      />
    </div>
  )
}
