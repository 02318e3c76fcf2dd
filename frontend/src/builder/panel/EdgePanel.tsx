import { Repeat, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Button } from '@/components/Button'
import { classes } from '@/components/classes'
import { type DocumentEdge, findNode } from '@/model/document'
import type { EdgeFields } from '@/model/edits'
import { defaultPort, portOf, portsOf } from '@/model/ports'
import { documentOf, useBuilder } from '@/store/builder'
import { faultPlace } from '../faults'
import { Choice, Field, INPUT } from '../form/fields'
import { type Kinds, titleOf } from '../kinds'
import { text } from '../text'
import { LoopFields } from './LoopFields'

interface EdgePanelProps {
  edge: DocumentEdge
  index: number
  kinds: Kinds
}

type Taken = 'always' | 'when' | 'otherwise'

/** On which outcome a connection is taken, and under which condition. */
export function EdgePanel({ edge, index, kinds }: EdgePanelProps) {
  const document = useBuilder(documentOf)
  const edit = useBuilder((state) => state.edit)
  const source = findNode(document, edge.from)
  const target = findNode(document, edge.to)
  const [asksWhen, setAsksWhen] = useState(false)
  const set = (fields: EdgeFields): void => edit({ kind: 'set_edge', index, fields })
  const port = portOf(edge, source)
  const closes = document.edges.some(({ from, loop }) => from === edge.from && loop)
  const ports = source ? portsOf(source, kinds.get(source.type), [port], closes) : null
  const isWhen = edge.when !== undefined || asksWhen
  const taken: Taken = edge.otherwise ? 'otherwise' : isWhen ? 'when' : 'always'
  const take = (next: string): void => {
    setAsksWhen(next === 'when')
    set({
      otherwise: next === 'otherwise' ? true : undefined,
      when: next === 'when' ? edge.when : undefined,
    })
  }
  return (
    <>
      <header className="flex items-center gap-2 px-4 pt-3 pb-1">
        <h2 className="flex min-w-0 flex-1 items-center gap-2 text-muted-foreground">
          {edge.loop ? <Repeat aria-hidden className="size-4 text-state-waiting" /> : null}
          {edge.loop ? text.panel.loop : text.panel.edge}
        </h2>
        <Button
          look="ghost"
          size="icon"
          aria-label={text.actions.remove}
          title={`${text.actions.remove} (Delete)`}
          onClick={() => edit({ kind: 'remove', nodes: [], edges: [index] })}
        >
          <Trash2 />
        </Button>
      </header>
      <div className="space-y-4 px-4 pb-4">
        <dl className="grid grid-cols-[3rem_1fr] gap-y-1.5">
          <dt className="text-muted-foreground">{text.panel.from}</dt>
          <dd className="truncate">{source ? titleOf(source) : edge.from}</dd>
          <dt className="text-muted-foreground">{text.panel.to}</dt>
          <dd className="truncate">{target ? titleOf(target) : edge.to}</dd>
        </dl>
        <Field label={text.panel.on}>
          {(ids) => (
            <Choice
              {...ids}
              value={port}
              options={[...(ports?.main ?? [port]), ...(ports?.trouble ?? [])].map((each) => [
                each,
                each,
              ])}
              onChange={(on) => set({ on: on === defaultPort(source) ? undefined : on })}
            />
          )}
        </Field>
        {edge.loop ? (
          <LoopFields loop={edge.loop} onSet={(loop) => set({ loop })} />
        ) : (
          <Field label={text.panel.condition}>
            {(ids) => (
              <Choice
                {...ids}
                value={taken}
                onChange={take}
                options={[
                  ['always', text.panel.always],
                  ['when', text.panel.when],
                  ['otherwise', text.panel.otherwise],
                ]}
              />
            )}
          </Field>
        )}
        {taken === 'when' && !edge.loop ? (
          <Field label={text.panel.when} hint={text.panel.whenHint}>
            {(ids) => (
              <textarea
                {...ids}
                rows={3}
                spellCheck={false}
                value={edge.when ?? ''}
                placeholder="output.score >= 80"
                onChange={(event) => {
                  setAsksWhen(true)
                  set({ when: event.target.value || undefined })
                }}
                className={classes(INPUT, 'block resize-y py-1.5 font-mono text-xs')}
              />
            )}
          </Field>
        ) : null}
        <Faults index={index} />
      </div>
    </>
  )
}

function Faults({ index }: { index: number }) {
  const diagnostics = useBuilder((state) => state.diagnostics)
  const checked = useBuilder((state) => state.checkedFor)
  if (!checked) return null
  return diagnostics
    .filter(({ path }) => faultPlace(checked, path).edge === index)
    .map(({ path, message }) => (
      <p key={path + message} className="break-words text-[11px] text-destructive">
        {message}
      </p>
    ))
}
