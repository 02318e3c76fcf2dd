import { ChevronRight, Repeat } from 'lucide-react'
import { useState } from 'react'
import { Button } from '@/components/Button'
import type { DocumentNode } from '@/model/document'
import { mayLoop, portOf, portsOf, whyNotConnect } from '@/model/ports'
import { documentOf, useBuilder } from '@/store/builder'
import { Choice } from '../form/fields'
import { type Kinds, titleOf } from '../kinds'
import type { LoopRequest } from '../LoopQuestion'
import { text } from '../text'

interface ConnectionsProps {
  node: DocumentNode
  kinds: Kinds
  onLoop: (wanted: LoopRequest) => void
}

/** Where a step leads, and another way to connect it than by drawing. */
export function Connections({ node, kinds, onLoop }: ConnectionsProps) {
  const document = useBuilder(documentOf)
  const select = useBuilder((state) => state.select)
  const byId = new Map(document.nodes.map((each) => [each.id, each]))
  const out = document.edges.flatMap((edge, index) =>
    edge.from === node.id ? [{ edge, index }] : [],
  )
  const { main, trouble } = portsOf(
    node,
    kinds.get(node.type),
    out.map(({ edge }) => portOf(edge, node)),
    out.some(({ edge }) => edge.loop),
  )
  return (
    <>
      {out.length === 0 ? (
        <p className="text-muted-foreground">{text.panel.noConnections}</p>
      ) : (
        <ul className="divide-y rounded-md border">
          {out.map(({ edge, index }) => {
            const target = byId.get(edge.to)
            return (
              <li key={index}>
                <button
                  type="button"
                  onClick={() => select({ edge: index })}
                  className="flex h-8 w-full items-center gap-2 px-2.5 text-left hover:bg-accent"
                >
                  <span className="shrink-0 font-mono text-muted-foreground text-xs">
                    {portOf(edge, node)}
                  </span>
                  <span className="min-w-0 flex-1 truncate">
                    {target ? titleOf(target) : edge.to}
                  </span>
                  {edge.loop ? (
                    <Repeat aria-label={text.panel.loop} className="size-3.5 text-state-waiting" />
                  ) : null}
                  <ChevronRight aria-hidden className="size-3.5 text-muted-foreground" />
                </button>
              </li>
            )
          })}
        </ul>
      )}
      <Connect node={node} ports={[...main, ...trouble]} onLoop={onLoop} />
    </>
  )
}

interface ConnectProps {
  node: DocumentNode
  ports: string[]
  onLoop: (wanted: LoopRequest) => void
}

function Connect({ node, ports, onLoop }: ConnectProps) {
  const document = useBuilder(documentOf)
  const edit = useBuilder((state) => state.edit)
  const [chosen, setChosen] = useState('')
  const [target, setTarget] = useState('')
  const on = ports.includes(chosen) ? chosen : (ports[0] ?? 'success')
  const wanted = { from: node.id, to: target, on }
  const refusal = target === '' ? null : whyNotConnect(document, wanted)
  const leadsBack = mayLoop(refusal)
  return (
    <div className="space-y-1">
      <div className="flex gap-1.5">
        <Choice
          aria-label={text.panel.ports}
          value={on}
          onChange={setChosen}
          options={ports.map((port) => [port, port] as const)}
          className="w-28"
        />
        <Choice
          aria-label={text.panel.target}
          value={target}
          onChange={setTarget}
          options={[
            ['', text.panel.target],
            ...document.nodes.map((each) => [each.id, titleOf(each)] as const),
          ]}
          className="min-w-0 flex-1"
        />
        <Button
          disabled={target === '' || (refusal !== null && !leadsBack)}
          onClick={() => {
            if (leadsBack) onLoop(wanted)
            else edit({ kind: 'connect', ...wanted })
            setTarget('')
          }}
        >
          {leadsBack ? text.panel.connectLoop : text.panel.connect}
        </Button>
      </div>
      {refusal && !leadsBack ? (
        <p className="text-[11px] text-destructive">{text.canvas.refused[refusal]}</p>
      ) : null}
    </div>
  )
}
