import { BaseEdge, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import { loopLine } from '@/model/loopPath'
import type { LoopLineEdge } from './elements'

const LETTER = 3.1
const BESIDE = 10
const LINE = 20

/** A back edge, drawn around what it runs again. */
export const LoopEdge = memo(function LoopEdge(props: EdgeProps<LoopLineEdge>) {
  const { data, label, labelBgPadding, labelBgBorderRadius } = props
  if (!data) return null
  const { far, outermost, level, direction } = data
  const source = { x: props.sourceX, y: props.sourceY }
  const line = loopLine(source, { x: props.targetX, y: props.targetY }, far, level, direction)
  // Beside lines downwards, where no cards are, those of loops within each other one below the other.
  const half = String(label ?? '').length * LETTER
  const at =
    direction === 'down'
      ? { x: outermost - half - BESIDE, y: line.label.y + level * LINE }
      : line.label
  return (
    <BaseEdge
      path={line.path}
      label={label}
      labelX={at.x}
      labelY={at.y}
      {...(labelBgPadding ? { labelBgPadding } : {})}
      {...(labelBgBorderRadius ? { labelBgBorderRadius } : {})}
    />
  )
})
