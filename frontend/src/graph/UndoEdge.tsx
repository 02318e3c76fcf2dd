import { BaseEdge, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import { undoLine } from '@/model/undoPath'
import type { UndoLineEdge } from './elements'

/** The dotted line to a node that undoes another one. */
export const UndoEdge = memo(function UndoEdge({ data }: EdgeProps<UndoLineEdge>) {
  if (!data) return null
  return <BaseEdge path={undoLine(data.from, data.to).path} interactionWidth={0} />
})
