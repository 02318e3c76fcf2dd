import type { NodeHandle } from '@xyflow/react'

/** Ports of a card that is too far away to be read: nobody can see or grab them, but the canvas asks
 * the page where they are, by these names, and draws no line to a card that has none. */
export function FarPorts({ handles }: { handles: readonly NodeHandle[] }) {
  return handles.map(({ type, id, position, x, y, width, height }) => (
    <i
      key={`${type} ${id}`}
      className={`pointer-events-none absolute ${type}`}
      data-handleid={id}
      data-handlepos={position}
      style={{ left: x, top: y, width, height }}
    />
  ))
}
