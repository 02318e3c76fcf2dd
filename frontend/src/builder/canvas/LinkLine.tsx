import {
  BaseEdge,
  EdgeLabelRenderer,
  type EdgeProps,
  getBezierPath,
  getSmoothStepPath,
  Position,
} from '@xyflow/react'
import { X } from 'lucide-react'
import { memo } from 'react'
import { classes } from '@/components/classes'
import { useBuilder } from '@/store/builder'
import { text } from '../text'
import type { LinkData, LinkEdge } from './types'

const TROUBLE = new Set(['error', 'timeout', 'rejected'])

/** An edge with what decides whether it is taken. */
export const LinkLine = memo(function LinkLine(props: EdgeProps<LinkEdge>) {
  const { data, selected, markerEnd } = props
  // A curve from below a card would run behind the card itself.
  const isFromBelow = props.sourcePosition === Position.Bottom
  const [path, x, y] = isFromBelow ? getSmoothStepPath(props) : getBezierPath(props)
  if (!data) return null
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

function labelOf({ link, port, tellsPort }: LinkData): string {
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
      className={classes('link-text', data.faults?.errors && 'text-state-failed')}
      onClick={() => select({ edge: data.index })}
    >
      {label}
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
