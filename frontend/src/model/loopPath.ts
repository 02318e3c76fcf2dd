// The line of a back edge: out of its source, back above (or beside) what it runs again, into its
// header.
import type { Place } from './document'

export type Turning = 'right' | 'down'

const STUB = 14
const RADIUS = 12
const STEP = 8

export interface LoopLine {
  path: string
  /** The middle of the long way back, for the label. */
  label: Place
}

/** `far` is where the long way back runs: a y above the body in a drawing to the right, an x left of
 * it in one downwards. `level` keeps loops that lie inside each other apart. */
export function loopLine(
  source: Place,
  target: Place,
  far: number,
  level: number,
  turning: Turning,
): LoopLine {
  const stub = STUB + level * STEP
  const [from, to] = turning === 'right' ? [source, target] : [turned(source), turned(target)]
  const points = [
    from,
    { x: from.x + stub, y: from.y },
    { x: from.x + stub, y: far },
    { x: to.x - stub, y: far },
    { x: to.x - stub, y: to.y },
    to,
  ]
  const label = { x: (from.x + to.x) / 2, y: far }
  return {
    path: rounded(turning === 'right' ? points : points.map(turned)),
    label: turning === 'right' ? label : turned(label),
  }
}

const turned = ({ x, y }: Place): Place => ({ x: y, y: x })

function rounded(points: readonly Place[]): string {
  const [first = { x: 0, y: 0 }, ...rest] = points
  const corners = rest.slice(0, -1).map((corner, index) => {
    const before = toward(corner, points[index] ?? corner)
    const after = toward(corner, points[index + 2] ?? corner)
    return `L${before.x},${before.y} Q${corner.x},${corner.y} ${after.x},${after.y}`
  })
  const last = rest.at(-1) ?? first
  return [`M${first.x},${first.y}`, ...corners, `L${last.x},${last.y}`].join(' ')
}

/** From a corner towards its neighbour, at most half of the way. */
function toward(corner: Place, other: Place): Place {
  const [dx, dy] = [other.x - corner.x, other.y - corner.y]
  const length = Math.hypot(dx, dy)
  const part = length === 0 ? 0 : Math.min(RADIUS, length / 2) / length
  return { x: corner.x + dx * part, y: corner.y + dy * part }
}
