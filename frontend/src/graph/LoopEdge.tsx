import { BaseEdge, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import { loopLine } from '@/model/loopPath'
import type { LoopLineEdge } from './elements'

const LETTER = 3.1
const BESIDE = 10

/** A back edge, drawn around what it runs again. */
export const LoopEdge = memo(function LoopEdge(props: EdgeProps<LoopLineEdge>) {
  const { data, label, labelBgPadding, labelBgBorderRadius } = props
  if (!data) return null
  const { far, level, direction } = data
  const source = { x: props.sourceX, y: props.sourceY }
  const line = loopLine(source, { x: props.targetX, y: props.targetY }, far, level, direction)
  // Beside a line downwards, where no cards are.
  const aside = direction === 'down' ? String(label ?? '').length * LETTER + BESIDE : 0
  return (
    <BaseEdge
      path={line.path}
      label={label}
      labelX={line.label.x - aside}
      labelY={line.label.y}
      {...(labelBgPadding ? { labelBgPadding } : {})}
      {...(labelBgBorderRadius ? { labelBgBorderRadius } : {})}
    />
  )
})
