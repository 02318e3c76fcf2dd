import {
  BaseEdge,
  EdgeLabelRenderer,
  type EdgeProps,
  type InternalNode,
  useInternalNode,
} from '@xyflow/react'
import { Undo2 } from 'lucide-react'
import { memo } from 'react'
import { type Box, undoLine } from '@/model/undoPath'
import type { UndoEdge } from './types'

/** A dotted line from a step to the one that undoes it. */
export const UndoLine = memo(function UndoLine({ source, target }: EdgeProps<UndoEdge>) {
  const [from, to] = [useInternalNode(source), useInternalNode(target)]
  if (!from || !to) return null
  const { path, middle } = undoLine(boxOf(from), boxOf(to))
  return (
    <>
      <BaseEdge path={path} className="undo-line" interactionWidth={0} />
      <EdgeLabelRenderer>
        <span
          className="undo-mark"
          style={{ transform: `translate(-50%, -50%) translate(${middle.x}px, ${middle.y}px)` }}
        >
          <Undo2 aria-hidden className="size-3" />
        </span>
      </EdgeLabelRenderer>
    </>
  )
})

function boxOf({ internals, width = 0, height = 0 }: InternalNode): Box {
  return { ...internals.positionAbsolute, width, height }
}
