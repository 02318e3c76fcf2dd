// Where the ports of a card are. The canvas is told, so that it need not draw a card to find out.
import { type NodeHandle, Position } from '@xyflow/react'
import { NODE_HEIGHT, NODE_WIDTH, PORT_ROW } from '@/model/layout'
import type { NodePorts } from '@/model/ports'

/** Of the only way out, and of the way in. */
export const PORT_TOP = 32
/** As canvas.css has them. */
const PORT_SIZE = 11
const TROUBLE_SIZE = 9

/** Of the middle of a way out, one of `count`. */
export function mainTop(index: number, count: number): number {
  return count === 1 ? PORT_TOP : NODE_HEIGHT + index * PORT_ROW + PORT_ROW / 2 - 1
}

/** Two stand at the right end of the card; with more the first one moves to the left. */
export function troubleLeft(index: number, count: number): number {
  return 150 + (index - Math.max(0, count - 2)) * 54
}

/** All ports of a card that is `height` high. */
export function handlesOf({ main, trouble }: NodePorts, height: number): NodeHandle[] {
  const at = (x: number, y: number, size: number) => ({
    x: x - size / 2,
    y: y - size / 2,
    width: size,
    height: size,
  })
  return [
    { type: 'target', position: Position.Left, ...at(0, PORT_TOP, PORT_SIZE) },
    ...main.map((id, index) => {
      const place = at(NODE_WIDTH, mainTop(index, main.length), PORT_SIZE)
      return { id, type: 'source' as const, position: Position.Right, ...place }
    }),
    ...trouble.map((id, index) => {
      const place = at(troubleLeft(index, trouble.length), height, TROUBLE_SIZE)
      return { id, type: 'source' as const, position: Position.Bottom, ...place }
    }),
  ]
}
