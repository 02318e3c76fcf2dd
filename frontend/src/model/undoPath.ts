// The dotted line from a step to the one that undoes it, between the sides that face each other.
import type { Place } from './document'

export interface Box extends Place {
  width: number
  height: number
}

export function undoLine(from: Box, to: Box): { path: string; middle: Place } {
  const [a, b] = [centre(from), centre(to)]
  const isUpright = Math.abs(b.y - a.y) >= Math.abs(b.x - a.x)
  const start = isUpright ? up(from, b.y >= a.y) : across(from, b.x >= a.x)
  const end = isUpright ? up(to, b.y < a.y) : across(to, b.x < a.x)
  const middle = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 }
  const bends = isUpright
    ? `${start.x},${middle.y} ${end.x},${middle.y}`
    : `${middle.x},${start.y} ${middle.x},${end.y}`
  return { path: `M${start.x},${start.y} C${bends} ${end.x},${end.y}`, middle }
}

const centre = ({ x, y, width, height }: Box): Place => ({ x: x + width / 2, y: y + height / 2 })

const up = (box: Box, isBottom: boolean): Place => ({
  x: centre(box).x,
  y: isBottom ? box.y + box.height : box.y,
})

const across = (box: Box, isRight: boolean): Place => ({
  x: isRight ? box.x + box.width : box.x,
  y: centre(box).y,
})
