// Which part of a flow is seen first: all of it, or where it begins if that would be too small.
import type { Box } from './undoPath'

export interface Pane {
  width: number
  height: number
}

/** Pixels of the pane that stay free at each side. */
export interface Margins {
  side: number
  top: number
  bottom: number
}

export interface View {
  x: number
  y: number
  zoom: number
}

/** Cards are still cards, and a pane never holds more than can be drawn at once. */
export const LEAST_ZOOM = 0.1

/** All of `bounds` in the middle of `pane`, no larger than life. What is too wide even at
 * `LEAST_ZOOM` begins at its left end, and what is too high at its middle. */
export function viewOf(bounds: Box, pane: Pane, { side, top, bottom }: Margins): View {
  const width = Math.max(1, pane.width - 2 * side)
  const height = Math.max(1, pane.height - top - bottom)
  const wanted = Math.min(1, width / bounds.width, height / bounds.height)
  const zoom = Math.max(LEAST_ZOOM, wanted)
  const spareX = Math.max(0, width - bounds.width * zoom)
  const spareY = height - bounds.height * zoom
  return {
    x: side + spareX / 2 - bounds.x * zoom,
    y: top + spareY / 2 - bounds.y * zoom,
    zoom,
  }
}
