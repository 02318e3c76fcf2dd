import { useState } from 'react'
import { classes } from '@/components/classes'
import { isObject, type Json, type JsonObject, WORKFLOW_NAME } from '@/model/document'
import type { DocumentFields } from '@/model/edits'
import { documentOf, useBuilder } from '@/store/builder'
import { AnyField, CommitLine, Field, INPUT, TextLine } from '../form/fields'
import { text } from '../text'
import { Bounds } from './Bounds'
import { Concurrency } from './Concurrency'
import { Section } from './Section'

/** The flow itself: name, inputs, outputs, bounds. */
export function DocumentPanel() {
  const document = useBuilder(documentOf)
  const edit = useBuilder((state) => state.edit)
  const isSaved = useBuilder((state) => state.base !== null)
  const [fault, setFault] = useState<string>()
  const set = (fields: DocumentFields): void => edit({ kind: 'set_document', fields })
  const rename = (name: string): boolean => {
    const isFine = WORKFLOW_NAME.test(name)
    setFault(isFine ? undefined : text.panel.nameHint)
    if (isFine) set({ name })
    return isFine
  }
  return (
    <>
      <h2 className="px-4 pt-4 pb-1 text-muted-foreground">{text.panel.flow}</h2>
      <div className="space-y-4 px-4 pb-4">
        <Field
          label={text.panel.name}
          hint={isSaved ? undefined : text.panel.nameHint}
          fault={fault}
        >
          {(ids) => (
            <CommitLine
              {...ids}
              value={document.name}
              readOnly={isSaved}
              aria-invalid={fault !== undefined}
              onCommit={rename}
              className="font-mono text-xs read-only:bg-muted"
            />
          )}
        </Field>
        <Field label={text.panel.title}>
          {(ids) => (
            <TextLine
              {...ids}
              value={document.title ?? ''}
              maxLength={200}
              onChange={(title) => set({ title: title || undefined })}
            />
          )}
        </Field>
        <Field label={text.panel.description}>
          {(ids) => (
            <textarea
              {...ids}
              rows={2}
              value={document.description ?? ''}
              onChange={(event) => set({ description: event.target.value || undefined })}
              className={classes(INPUT, 'block resize-y py-1.5')}
            />
          )}
        </Field>
      </div>
      <Section title={text.panel.inputs}>
        <AnyField
          aria-label={text.panel.inputs}
          value={document.inputs}
          accepts={isObject}
          placeholder='{"type": "object", "properties": {}}'
          onChange={(value) => set({ inputs: value as JsonObject | undefined })}
        />
      </Section>
      <Section title={text.panel.outputs}>
        <AnyField
          aria-label={text.panel.outputs}
          value={document.outputs}
          onChange={(value) => set({ outputs: value as Json | undefined })}
        />
      </Section>
      <Section title={text.panel.behaviour} isOpen={document.settings !== undefined}>
        <Bounds settings={document.settings ?? {}} onSet={(settings) => set({ settings })} />
      </Section>
      <Section title={text.panel.concurrency} isOpen={document.concurrency !== undefined}>
        <Concurrency
          value={document.concurrency ?? {}}
          onSet={(concurrency) => set({ concurrency })}
        />
      </Section>
    </>
  )
}
