import type { RJSFSchema } from '@rjsf/utils'
import { Copy, Trash2 } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { NodeTypeView } from '@/api/types'
import { Button } from '@/components/Button'
import { type DocumentNode, findNode, isNodeId, isObject, type JsonObject } from '@/model/document'
import type { NodeFields } from '@/model/edits'
import { documentOf, useBuilder } from '@/store/builder'
import { faultPlace } from '../faults'
import { AlternativeForm } from '../form/AlternativeForm'
import { AnyField, CommitLine, Field, TextLine } from '../form/fields'
import { OWN_FIELDS } from '../form/ownFields'
import { iconOf, type Kinds } from '../kinds'
import type { LoopRequest } from '../LoopQuestion'
import { text } from '../text'
import { Behaviour } from './Behaviour'
import { Connections } from './Connections'
import { Section } from './Section'

interface StepPanelProps {
  node: DocumentNode
  kinds: Kinds
  onLoop: (wanted: LoopRequest) => void
}

export function StepPanel({ node, kinds, onLoop }: StepPanelProps) {
  const edit = useBuilder((state) => state.edit)
  const set = (fields: NodeFields): void => edit({ kind: 'set_node', id: node.id, fields })
  const kind = kinds.get(node.type)
  const faults = useFaults(node.id)
  const Icon = iconOf(node.type)
  return (
    <>
      <header className="flex items-center gap-2 px-4 pt-3 pb-1">
        <Icon aria-hidden className="size-4 text-muted-foreground" />
        <h2 className="min-w-0 flex-1 truncate text-muted-foreground">
          {kind?.title ?? node.type}
        </h2>
        <Button
          look="ghost"
          size="icon"
          aria-label={text.actions.duplicate}
          title={`${text.actions.duplicate} (Ctrl+D)`}
          onClick={() => edit({ kind: 'duplicate', nodes: [node.id], offset: { x: 40, y: 100 } })}
        >
          <Copy />
        </Button>
        <Button
          look="ghost"
          size="icon"
          aria-label={text.actions.remove}
          title={`${text.actions.remove} (Delete)`}
          onClick={() => edit({ kind: 'remove', nodes: [node.id], edges: [] })}
        >
          <Trash2 />
        </Button>
      </header>
      <div className="space-y-4 px-4 pb-4">
        <Field label={text.panel.title}>
          {(ids) => (
            <TextLine
              {...ids}
              id="step-title"
              aria-label={text.panel.title}
              value={node.title ?? ''}
              placeholder={node.id}
              maxLength={200}
              onChange={(title) => set({ title: title || undefined })}
            />
          )}
        </Field>
        <IdField node={node} />
        {faults
          .filter(({ path }) => path[0] !== 'config')
          .map(({ path, message }) => (
            <p key={path.join('/') + message} className="break-words text-[11px] text-destructive">
              {message}
            </p>
          ))}
      </div>
      <Section title={text.panel.settings}>
        <Settings node={node} kind={kind} faults={faults} onChange={(config) => set({ config })} />
      </Section>
      <Section title={text.panel.connections}>
        <Connections node={node} kinds={kinds} onLoop={onLoop} />
      </Section>
      <Section
        title={text.panel.behaviour}
        isOpen={node.when !== undefined || node.compensate !== undefined}
      >
        <Behaviour node={node} onSet={set} />
      </Section>
    </>
  )
}

interface Fault {
  path: string[]
  message: string
}

function useFaults(id: string): Fault[] {
  const diagnostics = useBuilder((state) => state.diagnostics)
  const checked = useBuilder((state) => state.checkedFor)
  return useMemo(() => {
    if (!checked) return []
    return diagnostics.flatMap(({ path, message }) => {
      const place = faultPlace(checked, path)
      return place.node === id ? [{ path: place.rest, message }] : []
    })
  }, [diagnostics, checked, id])
}

function IdField({ node }: { node: DocumentNode }) {
  const edit = useBuilder((state) => state.edit)
  const [fault, setFault] = useState<string>()
  const rename = (to: string): boolean => {
    const document = documentOf(useBuilder.getState())
    const wrong = !isNodeId(to)
      ? text.panel.idWrong
      : findNode(document, to)
        ? text.panel.idTaken
        : undefined
    setFault(wrong)
    if (wrong === undefined) edit({ kind: 'rename_node', id: node.id, to })
    return wrong === undefined
  }
  return (
    <Field label={text.panel.id} hint={text.panel.idHint} fault={fault}>
      {(ids) => (
        <CommitLine
          {...ids}
          value={node.id}
          aria-invalid={fault !== undefined}
          onCommit={rename}
          className="font-mono text-xs"
        />
      )}
    </Field>
  )
}

interface SettingsProps {
  node: DocumentNode
  kind: NodeTypeView | undefined
  faults: Fault[]
  onChange: (config: JsonObject) => void
}

function Settings({ node, kind, faults, onChange }: SettingsProps) {
  const schema = kind?.config_schema as RJSFSchema | undefined
  const own = useMemo(
    () =>
      faults
        .filter(({ path }) => path[0] === 'config')
        .map(({ path, message }) => ({ path: path.slice(1), message })),
    [faults],
  )
  const config = node.config ?? {}
  if (!kind || !schema) {
    return (
      <div className="space-y-2">
        <p className="text-muted-foreground">{text.panel.unknown}</p>
        <AnyField
          aria-label={text.panel.settings}
          value={config}
          accepts={isObject}
          onChange={(value) => onChange((value ?? {}) as JsonObject)}
        />
      </div>
    )
  }
  if (Object.keys(schema.properties ?? {}).length === 0 && !schema.additionalProperties) {
    return <p className="text-muted-foreground">{text.panel.noSettings}</p>
  }
  const form = { value: config, faults: own, onChange, idPrefix: `config-${node.id}` }
  const fields = kind.builtin ? OWN_FIELDS[node.type] : undefined
  return <AlternativeForm {...form} schema={schema} {...(fields ? { fields } : {})} />
}
