import { type ReactNode, useState } from 'react'
import { JsonView } from '@/components/JsonView'
import { StoredValue } from '@/components/StoredValue'
import { Tabs } from '@/components/Tabs'
import { readReference, readReferences } from '@/model/reference'
import type { RunState, RunView } from '@/model/run-fold'
import type { PatchView } from '@/model/run-overlay'
import { exactTime } from '@/model/time'
import { text } from '@/text'
import { PatchList } from './PatchList'
import { Nothing, Section } from './Section'

type Tab = 'result' | 'blockers' | 'patches' | 'details'

interface RunInspectorProps {
  state: RunState
  patches: PatchView[]
  /** Why it does not move: only of a run that is live. */
  blockers?: ReactNode
}

/** The run itself, while no node is selected. */
export function RunInspector({ state, patches, blockers }: RunInspectorProps) {
  const [tab, setTab] = useState<Tab>('result')
  return (
    <Tabs<Tab>
      label={text.run.panel}
      value={tab === 'blockers' && !blockers ? 'result' : tab}
      onChange={setTab}
      items={[
        { name: 'result', label: text.run.runTabs.result, content: <Result state={state} /> },
        ...(blockers
          ? [
              {
                name: 'blockers' as const,
                label: text.blockers.title,
                content: <div className="p-4">{blockers}</div>,
              },
            ]
          : []),
        {
          name: 'patches',
          label: text.run.runTabs.patches,
          count: patches.length,
          content: <PatchList patches={patches} />,
        },
        { name: 'details', label: text.run.runTabs.details, content: <Details state={state} /> },
      ]}
    />
  )
}

function Result({ state: { run } }: { state: RunState }) {
  const inputs = readReference(run.inputs_ref)
  return (
    <div className="flex flex-col gap-4 p-4">
      {run.error ? (
        <Section title={text.run.error}>
          <JsonView value={run.error} label={text.run.error} />
        </Section>
      ) : null}
      {run.error ? null : (
        <Section title={text.run.outputs}>
          <Outputs run={run} />
        </Section>
      )}
      <Section title={text.run.inputs}>
        {inputs ? (
          <StoredValue reference={inputs} label={text.run.inputs} />
        ) : isEmpty(run.inputs) ? (
          <Nothing>{text.run.noInputs}</Nothing>
        ) : (
          <JsonView value={run.inputs} label={text.run.inputs} />
        )}
      </Section>
    </div>
  )
}

/** Those that stand inline in one piece, then each large one by its name. */
function Outputs({ run }: { run: RunView }) {
  const large = readReferences(run.outputs_ref)
  const hasInline = large.length === 0 ? !isNothing(run.outputs) : !isEmpty(run.outputs)
  if (large.length === 0 && !hasInline) return <Nothing>{text.run.noOutputs}</Nothing>
  return (
    <>
      {hasInline ? <JsonView value={run.outputs} label={text.run.outputs} /> : null}
      {large.map(([name, reference]) => (
        <Section key={name} title={name}>
          <StoredValue reference={reference} label={name} />
        </Section>
      ))}
    </>
  )
}

const isNothing = (value: unknown): boolean => value === null || value === undefined

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === null || value === undefined
  return Object.keys(value).length === 0
}

function Details({ state: { run, seq, digest } }: { state: RunState }) {
  const words = text.run.details
  const rows: [string, string][] = [
    [words.id, run.id],
    [words.workflow, run.version === null ? run.workflow : `${run.workflow}@${run.version}`],
    [words.by, run.principal],
    [words.accepted, exactTime(new Date(run.accepted_at))],
    [words.ended, run.ended_at ? exactTime(new Date(run.ended_at)) : ''],
    [words.key, run.idempotency_key ?? ''],
    [words.labels, labelled(run.labels)],
    [words.digest, digest],
    [words.events, String(seq)],
  ]
  return (
    <dl className="grid grid-cols-[8rem_1fr] gap-x-3 gap-y-2 p-4">
      {rows
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted-foreground">{name}</dt>
            <dd className="min-w-0 break-words [overflow-wrap:anywhere]">
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
    </dl>
  )
}

function labelled(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
}
