import { Link } from '@tanstack/react-router'
import { RotateCcw, X } from 'lucide-react'
import { useMemo, useState } from 'react'
import { Button, buttonLook } from '@/components/Button'
import { classes } from '@/components/classes'
import { JsonView } from '@/components/JsonView'
import { StatusPill } from '@/components/StatusPill'
import { type TabItem, Tabs } from '@/components/Tabs'
import type { DocumentNode } from '@/model/document'
import type { Loop } from '@/model/loops'
import { executionsOf } from '@/model/run-executions'
import type { EventView, LiveNode, NodeView, RunView } from '@/model/run-fold'
import { type PatchMark, shownStatus } from '@/model/run-overlay'
import type { Tally, Told } from '@/model/run-tally'
import { hasEnded, PATCHED_COLOUR } from '@/model/status'
import { text } from '@/text'
import { AttemptList } from './AttemptList'
import { ChildRuns } from './ChildRuns'
import { ExecutionChoice } from './ExecutionChoice'
import { NodeLogs } from './NodeLogs'
import { NodeOutput } from './NodeOutput'
import { Nothing, Section } from './Section'
import { shortId } from './shortId'
import { TurnList } from './TurnList'

type Tab = 'children' | 'output' | 'turns' | 'config' | 'error' | 'logs' | 'attempts'

interface NodeInspectorProps {
  run: RunView
  id: string
  node: NodeView | undefined
  docNode: DocumentNode | undefined
  live: LiveNode | undefined
  events: readonly EventView[]
  tally: Tally
  loops: readonly Loop[]
  mark: PatchMark | undefined
  onClose: () => void
  /** Null: the run cannot be run again. */
  onRetry: (() => void) | null
}

/** Everything about one node. Opens on what a person comes for: its error, or its output. */
export function NodeInspector(props: NodeInspectorProps) {
  const { id, docNode, live, mark, onClose, onRetry, events, loops } = props
  const [chosen, setChosen] = useState<Tab | null>(null)
  const [past, setPast] = useState<number | null>(null)
  const type = docNode?.type ?? props.node?.type ?? ''
  const executions = useMemo(() => executionsOf(events, id, type, loops), [events, id, type, loops])
  const older = past === null ? undefined : executions[past]
  const node = older?.node ?? props.node
  const told = older ? older.told : props.tally.told[id]
  const items = tabsOf({ ...props, node, told, isPast: older !== undefined }, type)
  // Whoever reads along is not led away when the node ends.
  const [isReading] = useState(() => isAtWork(node))
  const usual: Tab = node?.error
    ? 'error'
    : props.tally.children[id]
      ? 'children'
      : isReading && hasTurns(type, live)
        ? 'turns'
        : 'output'
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
        {onRetry ? (
          <Button
            look="ghost"
            size="icon"
            className="size-6"
            aria-label={text.run.retry.here}
            title={text.run.retry.here}
            onClick={onRetry}
          >
            <RotateCcw />
          </Button>
        ) : null}
        <ExecutionChoice of={executions} value={past} onChange={setPast} />
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

interface Shown extends NodeInspectorProps {
  told: Told | undefined
  /** An execution that others followed. */
  isPast: boolean
}

function tabsOf(props: Shown, type: string): TabItem<Tab>[] {
  const { id, node, docNode, live, events } = props
  const run = props.run.id
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
    ...childrenTabs(props),
    { name: 'output', label: words.output, content: <NodeOutput {...props} /> },
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

function childrenTabs({ run, id, node, tally, events }: Shown): TabItem<Tab>[] {
  const children = tally.children[id]
  if (!children) return []
  const { child } = children
  return [
    {
      name: 'children',
      label: child === null ? text.run.children.tab : text.run.children.childTab,
      content:
        child === null ? (
          <ChildRuns
            run={run.id}
            node={id}
            of={children}
            events={events}
            isOver={!isAtWork(node)}
          />
        ) : (
          <ChildLink id={child} />
        ),
    },
  ]
}

function ChildLink({ id }: { id: string }) {
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: id }}
      className={buttonLook({ className: 'self-start' })}
    >
      {text.run.children.open}
      <span className="font-mono text-muted-foreground text-xs">{shortId(id)}</span>
    </Link>
  )
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
