import { Handle, type NodeProps, Position } from '@xyflow/react'
import { Undo2 } from 'lucide-react'
import { memo } from 'react'
import { classes } from '@/components/classes'
import { StatusGlyph } from '@/components/StatusGlyph'
import type { Children } from '@/model/run-tally'
import { PATCHED_COLOUR, statusLook } from '@/model/status'
import { elapsedMs, formatDuration } from '@/model/time'
import { text } from '@/text'
import { type CardData, type CardNode, endsOf } from './elements'
import { FarPorts } from './FarPorts'
import { useIsFar } from './useIsFar'

/** A node of a run: its state, its name, how long it took. */
export const RunCard = memo(function RunCard(props: NodeProps<CardNode>) {
  const { data } = props
  const { colour, label, shape } = statusLook(data.status)
  const isQuiet = data.status === 'pending' || data.status === 'skipped'
  const isFar = useIsFar()
  return (
    <div
      role="img"
      title={data.title}
      aria-label={`${data.title}: ${label}`}
      className={classes(
        'relative flex h-full w-full items-center gap-2.5 rounded-md border bg-card pr-2.5 pl-3',
        shape === 'dashed' && 'border-dashed',
        isQuiet && 'bg-surface text-muted-foreground',
        data.isSelected && 'ring-2 ring-ring',
      )}
      style={
        isQuiet
          ? {}
          : isFar
            ? { background: colour }
            : { borderColor: `color-mix(in srgb, ${colour} 55%, transparent)` }
      }
    >
      {isFar ? <FarPorts handles={endsOf(props.sourcePosition)} /> : <Content {...props} />}
    </div>
  )
})

/** What can be read. Far away there are only the ends of lines. */
function Content(props: NodeProps<CardNode>) {
  const { data, targetPosition = Position.Left, sourcePosition = Position.Right } = props
  const { colour, label, pulses } = statusLook(data.status)
  return (
    <>
      {pulses ? (
        <span
          aria-hidden
          className="pointer-events-none absolute -inset-px animate-state-pulse rounded-md border-2"
          style={{ borderColor: colour }}
        />
      ) : null}
      <StatusGlyph status={data.status} />
      <span className="min-w-0 flex-1">
        <span
          className={classes('block truncate font-medium text-xs', !data.isTitled && 'font-mono')}
        >
          {data.title}
        </span>
        <span className="flex gap-2 text-[11px] text-muted-foreground">
          {data.undoes === null ? null : (
            <Undo2
              aria-label={text.run.undoes(data.undoes)}
              className="size-3 shrink-0 self-center"
            />
          )}
          <span className="min-w-0 flex-1 truncate">{secondLine(data, label)}</span>
          {data.round ? (
            <span className="shrink-0 tabular-nums">{text.run.round(data.round)}</span>
          ) : null}
          <Tries data={data} />
          <Took data={data} />
        </span>
      </span>
      {data.children ? <ItemsBar of={data.children} /> : null}
      {data.mark ? <PatchCorner label={text.run.mark[data.mark]} /> : null}
      <Handle type="target" position={targetPosition} isConnectable={false} />
      <Handle type="source" position={sourcePosition} isConnectable={false} />
    </>
  )
}

function secondLine({ type, status, node, told, children }: CardData, label: string): string {
  if (told?.held) return text.run.held
  if (told?.reused) return `${type} · ${text.run.reused}`
  if (children && children.child === null) return text.run.items(children)
  if (status === 'succeeded' || status === 'pending') {
    const port = node?.port && node.port !== 'success' ? ` · ${node.port}` : ''
    return `${type}${port}`
  }
  return `${type} · ${label.toLowerCase()}`
}

/** How many items are done, along the lower edge. */
function ItemsBar({ of: { count, done, failed } }: { of: Children }) {
  if (count < 2) return null
  const part = (each: number): string => `${(100 * each) / count}%`
  return (
    <span
      aria-hidden
      className="absolute inset-x-2 bottom-0.5 flex h-[3px] overflow-hidden rounded-full bg-border"
    >
      <span style={{ width: part(done), background: 'var(--state-succeeded)' }} />
      <span style={{ width: part(failed), background: 'var(--state-failed)' }} />
    </span>
  )
}

function Took({ data }: { data: CardData }) {
  const { node } = data
  const ms = node?.ended_at ? elapsedMs(node.started_at, node.ended_at, new Date(0)) : null
  if (ms === null || data.status === 'skipped') return null
  return (
    <span className="shrink-0 text-[11px] text-muted-foreground tabular-nums">
      {formatDuration(ms)}
    </span>
  )
}

function Tries({ data }: { data: CardData }) {
  const attempt = data.node?.attempt ?? 0
  if (attempt < 2) return null
  return <span className="shrink-0 text-state-counter tabular-nums">{text.run.try(attempt)}</span>
}

function PatchCorner({ label }: { label: string }) {
  return (
    <span
      role="img"
      aria-label={label}
      title={label}
      className="absolute top-0 right-0 size-3 rounded-tr-md"
      style={{ background: `linear-gradient(225deg, ${PATCHED_COLOUR} 50%, transparent 50%)` }}
    />
  )
}
