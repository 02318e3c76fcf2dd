import {
  BaseEdge,
  EdgeLabelRenderer,
  type EdgeProps,
  getBezierPath,
  getSmoothStepPath,
  Position,
} from '@xyflow/react'
import { Repeat, X } from 'lucide-react'
import { memo } from 'react'
import { classes } from '@/components/classes'
import { loopLine } from '@/model/loopPath'
import { useBuilder } from '@/store/builder'
import { text } from '../text'
import type { LinkData, LinkEdge } from './types'

const TROUBLE = new Set(['error', 'timeout', 'rejected', 'exhausted'])
/** From the port of a card to above its edge. */
const LEAST_RISE = 56

/** An edge with what decides whether it is taken. */
export const LinkLine = memo(function LinkLine(props: EdgeProps<LinkEdge>) {
  const { data, selected, markerEnd } = props
  // A curve from below a card would run behind the card itself.
  const isFromBelow = props.sourcePosition === Position.Bottom
  if (!data) return null
  const [path, x, y] = data.way
    ? wayBack(props, data.way)
    : isFromBelow
      ? getSmoothStepPath(props)
      : getBezierPath(props)
  const label = labelOf(data)
  return (
    <>
      <BaseEdge
        path={path}
        {...(markerEnd ? { markerEnd } : {})}
        interactionWidth={18}
        className={classes(
          'link-line',
          TROUBLE.has(data.port) && 'is-trouble',
          data.way && 'is-loop',
          data.faults?.errors && 'is-wrong',
          selected && 'is-selected',
        )}
      />
      {label || selected ? (
        <EdgeLabelRenderer>
          <div
            className="nodrag nopan link-label"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
          >
            {label ? <Label data={data} label={label} /> : null}
            {selected ? <Remove index={data.index} /> : null}
          </div>
        </EdgeLabelRenderer>
      ) : null}
    </>
  )
})

/** Never lower than both ends, even while a step is dragged. */
function wayBack(props: EdgeProps, way: { far: number; level: number }): [string, number, number] {
  const { sourceX, sourceY, targetX, targetY } = props
  const far = Math.min(way.far, sourceY - LEAST_RISE, targetY - LEAST_RISE)
  const ends = [
    { x: sourceX, y: sourceY },
    { x: targetX, y: targetY },
  ] as const
  const { path, label } = loopLine(...ends, far, way.level, 'right')
  return [path, label.x, label.y]
}

function labelOf({ link, port, tellsPort }: LinkData): string {
  if (link.loop) return text.canvas.while(link.loop.while ?? '')
  const condition = link.otherwise ? text.canvas.otherwise : (link.when ?? '')
  return [tellsPort ? port : '', condition].filter(Boolean).join(' · ')
}

function Label({ data, label }: { data: LinkData; label: string }) {
  const select = useBuilder((state) => state.select)
  return (
    <button
      type="button"
      tabIndex={-1}
      title={label}
      className={classes(
        'link-text',
        data.way && 'is-loop',
        data.faults?.errors && 'text-state-failed',
      )}
      onClick={() => select({ edge: data.index })}
    >
      {data.way ? <Repeat aria-hidden className="size-3 shrink-0" /> : null}
      <span className="truncate">{label}</span>
      {data.link.loop ? (
        <span className="shrink-0">{text.canvas.atMost(data.link.loop.max_iterations ?? 0)}</span>
      ) : null}
    </button>
  )
}

function Remove({ index }: { index: number }) {
  const edit = useBuilder((state) => state.edit)
  return (
    <button
      type="button"
      aria-label={text.actions.remove}
      title={text.actions.remove}
      className="link-remove"
      onClick={() => edit({ kind: 'remove', nodes: [], edges: [index] })}
    >
      <X aria-hidden className="size-3" />
    </button>
  )
}
