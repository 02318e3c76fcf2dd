import {
  BaseEdge,
  EdgeLabelRenderer,
  type EdgeProps,
  type InternalNode,
  useInternalNode,
} from '@xyflow/react'
import { Undo2 } from 'lucide-react'
import { memo } from 'react'
import type { Place } from '@/model/document'
import type { UndoEdge } from './types'

/** A dotted line from a step to the one that undoes it, between the sides that face each other. */
export const UndoLine = memo(function UndoLine({ source, target }: EdgeProps<UndoEdge>) {
  const [from, to] = [useInternalNode(source), useInternalNode(target)]
  if (!from || !to) return null
  const isBelow = middle(to).y >= middle(from).y
  const start = side(from, isBelow)
  const end = side(to, !isBelow)
  const half = (start.y + end.y) / 2
  return (
    <>
      <BaseEdge
        path={`M${start.x},${start.y} C${start.x},${half} ${end.x},${half} ${end.x},${end.y}`}
        className="undo-line"
        interactionWidth={0}
      />
      <EdgeLabelRenderer>
        <span
          className="undo-mark"
          style={{
            transform: `translate(-50%, -50%) translate(${(start.x + end.x) / 2}px, ${half}px)`,
          }}
        >
          <Undo2 aria-hidden className="size-3" />
        </span>
      </EdgeLabelRenderer>
    </>
  )
})

function middle({ internals, measured }: InternalNode): Place {
  const { x, y } = internals.positionAbsolute
  return { x: x + (measured.width ?? 0) / 2, y: y + (measured.height ?? 0) / 2 }
}

function side(node: InternalNode, isBottom: boolean): Place {
  const { x, y } = middle(node)
  const half = (node.measured.height ?? 0) / 2
  return { x, y: isBottom ? y + half : y - half }
}
