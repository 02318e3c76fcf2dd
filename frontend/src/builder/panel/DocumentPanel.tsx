import { useState } from 'react'
import { classes } from '@/components/classes'
import { isObject, type Json, type JsonObject, WORKFLOW_NAME } from '@/model/document'
import type { DocumentFields } from '@/model/edits'
import { documentOf, useBuilder } from '@/store/builder'
import { AnyField, Choice, CommitLine, Field, INPUT, TextLine } from '../form/fields'
import { text } from '../text'
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
      <Bounds settings={document.settings ?? {}} onSet={(settings) => set({ settings })} />
    </>
  )
}

interface BoundsProps {
  settings: JsonObject
  onSet: (settings: JsonObject | undefined) => void
}

function Bounds({ settings, onSet }: BoundsProps) {
  const set = (key: string, value: Json | undefined): void => {
    const { [key]: _, ...rest } = settings
    const next = value === undefined ? rest : { ...settings, [key]: value }
    onSet(Object.keys(next).length > 0 ? next : undefined)
  }
  const numeric = (written: string): Json | undefined =>
    written === '' ? undefined : Number.isNaN(Number(written)) ? written : Number(written)
  const shown = (key: string): string => (settings[key] === undefined ? '' : String(settings[key]))
  return (
    <Section title={text.panel.behaviour} isOpen={false}>
      <div className="grid grid-cols-2 gap-3">
        <Field label={text.panel.deadline}>
          {(ids) => (
            <TextLine
              {...ids}
              value={shown('deadline')}
              placeholder="1h"
              onChange={(written) => set('deadline', written || undefined)}
            />
          )}
        </Field>
        <Field label={text.panel.maxParallel}>
          {(ids) => (
            <TextLine
              {...ids}
              inputMode="numeric"
              value={shown('max_parallel')}
              placeholder="1000"
              onChange={(written) => set('max_parallel', numeric(written))}
            />
          )}
        </Field>
        <Field label={text.panel.maxAgents}>
          {(ids) => (
            <TextLine
              {...ids}
              inputMode="numeric"
              value={shown('max_agents')}
              placeholder="5"
              onChange={(written) => set('max_agents', numeric(written))}
            />
          )}
        </Field>
        <Field label={text.panel.unknownTypes}>
          {(ids) => (
            <Choice
              {...ids}
              value={settings.unknown_types === 'fail' ? 'fail' : 'skip'}
              onChange={(value) => set('unknown_types', value === 'fail' ? 'fail' : undefined)}
              options={[
                ['skip', text.panel.unknownSkip],
                ['fail', text.panel.unknownFail],
              ]}
            />
          )}
        </Field>
      </div>
    </Section>
  )
}
