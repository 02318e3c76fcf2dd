import { useQuery } from '@tanstack/react-query'
import { X } from 'lucide-react'
import { useState } from 'react'
import { nodeQuery } from '@/api/run'
import { Button } from '@/components/Button'
import { classes } from '@/components/classes'
import { JsonView } from '@/components/JsonView'
import { ProblemNote } from '@/components/ProblemNote'
import { StatusPill } from '@/components/StatusPill'
import { StoredValue } from '@/components/StoredValue'
import { type TabItem, Tabs } from '@/components/Tabs'
import type { DocumentNode } from '@/model/document'
import { readReference } from '@/model/reference'
import type { EventView, LiveNode, NodeView } from '@/model/run-fold'
import { type PatchMark, shownStatus } from '@/model/run-overlay'
import { hasEnded, PATCHED_COLOUR } from '@/model/status'
import { text } from '@/text'
import { AttemptList } from './AttemptList'
import { NodeLogs } from './NodeLogs'
import { Nothing, Section } from './Section'
import { TurnList } from './TurnList'

type Tab = 'output' | 'turns' | 'config' | 'error' | 'logs' | 'attempts'

interface NodeInspectorProps {
  run: string
  id: string
  node: NodeView | undefined
  docNode: DocumentNode | undefined
  live: LiveNode | undefined
  events: readonly EventView[]
  mark: PatchMark | undefined
  onClose: () => void
}

/** Everything about one node. Opens on what a person comes for: its error, or its output. */
export function NodeInspector(props: NodeInspectorProps) {
  const { id, node, docNode, live, mark, onClose } = props
  const [chosen, setChosen] = useState<Tab | null>(null)
  const type = docNode?.type ?? node?.type ?? ''
  const items = tabsOf(props, type)
  // Whoever reads along is not led away when the node ends.
  const [isReading] = useState(() => isAtWork(node))
  const usual: Tab = node?.error ? 'error' : isReading && hasTurns(type, live) ? 'turns' : 'output'
  const tab = chosen ?? usual
  const title = docNode?.title ?? id
  return (
    <div className="flex min-h-0 min-w-0 flex-1 flex-col">
      <header className="flex shrink-0 items-center gap-2 px-4 pt-2 pb-1">
        <h2
          className={classes(
            'min-w-0 truncate font-medium',
            !docNode?.title && 'font-mono text-xs',
          )}
          title={title}
        >
          <bdi>{title}</bdi>
        </h2>
        <span className="shrink-0 text-muted-foreground text-xs">{type}</span>
        <StatusPill status={shownStatus(node, type)} className="h-5 shrink-0" />
        {mark ? (
          <span className="truncate text-xs" style={{ color: PATCHED_COLOUR }}>
            {text.run.mark[mark]}
          </span>
        ) : null}
        <span className="flex-1" />
        <Button
          look="ghost"
          size="icon"
          className="size-6"
          aria-label={text.run.closeNode}
          onClick={onClose}
        >
          <X />
        </Button>
      </header>
      <Tabs<Tab>
        label={text.run.panel}
        value={items.some(({ name }) => name === tab) ? tab : 'output'}
        onChange={setChosen}
        items={items.map((item) => ({
          ...item,
          content: <div className="flex flex-col gap-4 p-4">{item.content}</div>,
        }))}
      />
    </div>
  )
}

const isAtWork = (node: NodeView | undefined): boolean => !node || !hasEnded(node.status)

const hasTurns = (type: string, live: LiveNode | undefined): boolean =>
  type === 'agent' || (live?.turns.length ?? 0) > 0

function tabsOf(props: NodeInspectorProps, type: string): TabItem<Tab>[] {
  const { run, id, node, docNode, live, events } = props
  const words = text.run.nodeTabs
  const turns: TabItem<Tab>[] = hasTurns(type, live)
    ? [
        {
          name: 'turns',
          label: words.turns,
          content: <TurnList run={run} id={id} node={node} live={live} />,
        },
      ]
    : []
  const errors: TabItem<Tab>[] = node?.error
    ? [
        {
          name: 'error',
          label: words.error,
          content: <ErrorPane error={node.error} />,
        },
      ]
    : []
  return [
    ...errors,
    { name: 'output', label: words.output, content: <OutputPane run={run} node={node} /> },
    ...turns,
    { name: 'config', label: words.config, content: <ConfigPane docNode={docNode} /> },
    {
      name: 'logs',
      label: words.logs,
      content: <NodeLogs run={run} node={id} live={live} isOver={!isAtWork(node)} />,
    },
    {
      name: 'attempts',
      label: words.attempts,
      content: <AttemptList events={events} node={id} />,
    },
  ]
}

function ErrorPane({ error }: { error: Record<string, unknown> }) {
  return (
    <>
      <p className="break-words font-medium">
        <bdi>{String(error.message ?? error.code ?? '')}</bdi>
      </p>
      <JsonView value={error} label={text.run.nodeTabs.error} />
    </>
  )
}

function OutputPane({ run, node }: { run: string; node: NodeView | undefined }) {
  if (!node || !hasEnded(node.status)) return <Nothing>{text.run.noOutputYet}</Nothing>
  const { output, output_omitted, port } = node
  const reference = readReference(node.output_ref)
  return (
    <>
      {port && port !== 'success' ? <p>{text.run.endedOn(port)}</p> : null}
      {reference ? (
        <StoredValue reference={reference} label={text.run.nodeTabs.output} />
      ) : output_omitted ? (
        <WholeOutput run={run} node={node} />
      ) : output === null || output === undefined ? (
        <Nothing>{text.run.noOutput}</Nothing>
      ) : (
        <JsonView value={output} label={text.run.nodeTabs.output} />
      )}
    </>
  )
}

/** Of an output that was left out of the list because it is long. */
function WholeOutput({ run, node }: { run: string; node: NodeView }) {
  const whole = useQuery(nodeQuery(run, node.id, `${node.gen}.${node.attempt}.${node.status}`))
  if (whole.error) return <ProblemNote error={whole.error} onRetry={() => void whole.refetch()} />
  if (!whole.data) return <Nothing>{text.common.loading} …</Nothing>
  return <JsonView value={whole.data.output} label={text.run.nodeTabs.output} />
}

function ConfigPane({ docNode }: { docNode: DocumentNode | undefined }) {
  if (!docNode) return <Nothing>{text.run.noConfig}</Nothing>
  const { config, id: _id, type: _type, title: _title, ui: _ui, ...settings } = docNode
  return (
    <>
      {config ? (
        <JsonView value={config} label={text.run.nodeTabs.config} />
      ) : (
        <Nothing>{text.run.noConfig}</Nothing>
      )}
      {Object.keys(settings).length > 0 ? (
        <Section title={text.run.settings}>
          <JsonView value={settings} label={text.run.settings} />
        </Section>
      ) : null}
    </>
  )
}
