import type { ErrorSchema, FieldProps } from '@rjsf/utils'
import { useState } from 'react'
import { isObject, type Json, type JsonObject } from '@/model/document'
import { valueFromYaml, valueToYaml } from '@/model/yaml'
import { text } from '../text'
import { AnyField, Choice, Field, INPUT, TextLine } from './fields'
import { WorkflowField } from './WorkflowField'

const STEPS = ['nodes', 'edges', 'outputs']
const FIRST = ['id', 'type', 'title', 'from', 'to']
const FIRST_STEPS = {
  nodes: [{ id: 'work', type: 'transform', config: { value: '$' + '{inputs.item}' } }],
  outputs: '$' + '{nodes.work.output}',
}

/** What a map does with each item: a saved flow, or steps that stand in the step itself. */
export function MapBody({ formData, fieldPathId, onChange, errorSchema }: FieldProps) {
  const body: JsonObject = isObject(formData) ? formData : {}
  const hasSteps = body.nodes !== undefined
  const set = (next: JsonObject): void => onChange(next, fieldPathId.path)
  const { inputs } = body
  const choose = (kind: string): void => {
    const kept: JsonObject = inputs === undefined ? {} : { inputs }
    set(kind === 'steps' ? { ...FIRST_STEPS, ...kept } : { workflow: '', ...kept })
  }
  return (
    <div className="space-y-3 rounded-md border p-2.5">
      <Field label={text.form.body}>
        {(ids) => (
          <Choice
            {...ids}
            value={hasSteps ? 'steps' : 'workflow'}
            onChange={choose}
            options={[
              ['workflow', text.form.bodyWorkflow],
              ['steps', text.form.bodySteps],
            ]}
          />
        )}
      </Field>
      {hasSteps ? (
        <Steps body={body} onChange={set} />
      ) : (
        <Saved body={body} id={fieldPathId.$id} onChange={set} />
      )}
      <Field label={text.form.inputs}>
        {(ids) => (
          <AnyField
            {...ids}
            value={inputs}
            accepts={isObject}
            placeholder={'{"url": "$' + '{item.url}"}'}
            onChange={(next) => set(withField(body, 'inputs', next as Json | undefined))}
          />
        )}
      </Field>
      <Faults of={faultsIn(errorSchema)} />
    </div>
  )
}

interface PartProps {
  body: JsonObject
  onChange: (body: JsonObject) => void
}

function Saved({ body, id, onChange }: PartProps & { id: string }) {
  const { workflow, version } = body
  return (
    <div className="flex gap-2">
      <div className="min-w-0 flex-1">
        <WorkflowField
          id={id}
          value={typeof workflow === 'string' ? workflow : ''}
          isWrong={false}
          onChange={(next) => onChange({ ...body, workflow: next })}
        />
      </div>
      <TextLine
        inputMode="numeric"
        aria-label={text.form.version}
        value={version === undefined ? '' : String(version)}
        placeholder={text.form.latestVersion}
        onChange={(written) => {
          const digits = written.replace(/\D/g, '')
          onChange(withField(body, 'version', digits === '' ? undefined : Number(digits)))
        }}
        className="w-16"
      />
    </div>
  )
}

/** As YAML. Text that cannot be read stays until it can. */
function Steps({ body, onChange }: PartProps) {
  const [draft, setDraft] = useState<{ of: JsonObject; written: string; isWrong: boolean }>()
  const current = draft?.of === body ? draft : undefined
  const written = current?.written ?? valueToYaml(stepsOf(body))
  const write = (next: string): void => {
    const reading = valueFromYaml(next)
    const isFine =
      'value' in reading && isObject(reading.value) && Array.isArray(reading.value.nodes)
    if (!isFine) {
      setDraft({ of: body, written: next, isWrong: true })
      return
    }
    const others = Object.entries(body).filter(([key]) => !STEPS.includes(key))
    const made = { ...(reading.value as JsonObject), ...Object.fromEntries(others) }
    setDraft({ of: made, written: next, isWrong: false })
    onChange(made)
  }
  return (
    <Field
      label={text.form.bodyLabel}
      hint={text.form.bodyHint}
      fault={current?.isWrong ? text.form.badBody : undefined}
    >
      {(ids) => (
        <textarea
          {...ids}
          rows={Math.min(Math.max(written.split('\n').length, 8), 20)}
          spellCheck={false}
          value={written}
          aria-invalid={current?.isWrong ?? false}
          onChange={(event) => write(event.target.value)}
          className={`${INPUT} block resize-y whitespace-pre py-1.5 font-mono text-xs leading-5`}
        />
      )}
    </Field>
  )
}

function stepsOf(body: JsonObject): JsonObject {
  const own = STEPS.filter((key) => body[key] !== undefined)
  return Object.fromEntries(own.map((key) => [key, ordered(body[key] as Json)]))
}

/** The server keeps no order of fields: what names a step or an edge comes first. */
function ordered(value: Json): Json {
  if (!Array.isArray(value)) return value
  return value.map((each) => {
    if (!isObject(each)) return each
    const first = FIRST.filter((key) => each[key] !== undefined)
    return Object.fromEntries(
      [...new Set([...first, ...Object.keys(each)])].map((key) => [key, each[key] as Json]),
    )
  })
}

function withField(body: JsonObject, field: string, value: Json | undefined): JsonObject {
  const { [field]: _, ...rest } = body
  return value === undefined ? rest : { ...body, [field]: value }
}

function Faults({ of }: { of: string[] }) {
  return of.map((fault) => (
    <p key={fault} className="break-words text-[11px] text-destructive">
      {fault}
    </p>
  ))
}

/** What the compiler says of the body, wherever in it, each with its place. */
function faultsIn(errors: ErrorSchema | undefined, at = ''): string[] {
  return Object.entries(errors ?? {}).flatMap(([key, each]) =>
    key === '__errors'
      ? ((each as string[] | undefined) ?? []).map((fault) => (at ? `${at}: ${fault}` : fault))
      : faultsIn(each as ErrorSchema, at ? `${at}/${key}` : key),
  )
}
