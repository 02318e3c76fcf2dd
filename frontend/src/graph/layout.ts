// Where the nodes of a run are drawn: closer together than in the builder, in the direction in which
// they are larger.
import { Graph, layout as runDagre } from '@dagrejs/dagre'
import { undoneBy } from '@/model/compensation'
import type { Place, WorkflowDocument } from '@/model/document'
import { layout, withoutUndoing } from '@/model/layout'

export const CARD_WIDTH = 200
export const CARD_HEIGHT = 56
const CARD_GAP = 28
const UNDO_GAP = 32
/** Beyond this dagre takes longer than a person waits. */
const DAGRE_NODES = 300
/** Beyond this one layout is enough to wait for. */
const CHOICE_NODES = 200

export type Direction = 'right' | 'down'
/** Rank to rank; a line to the right needs room for its label. */
const RANK_GAP = { right: 72, down: 44 }

/** A place for every node of `document`, by id: the upper left corner. */
export function layoutRun(document: WorkflowDocument, direction: Direction): Map<string, Place> {
  if (document.nodes.length > DAGRE_NODES) return layout(document, () => undefined)
  const places = flowPlaces(document, direction)
  for (const [id, { id: other }] of undoneBy(document)) {
    const { x, y } = places.get(other) ?? { x: 0, y: 0 }
    const beside =
      direction === 'right'
        ? { x, y: y + CARD_HEIGHT + UNDO_GAP }
        : { x: x + CARD_WIDTH + UNDO_GAP, y }
    places.set(id, beside)
  }
  return places
}

function flowPlaces(document: WorkflowDocument, direction: Direction): Map<string, Place> {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({
    rankdir: direction === 'right' ? 'LR' : 'TB',
    ranksep: RANK_GAP[direction],
    nodesep: CARD_GAP,
  })
  graph.setDefaultEdgeLabel(() => ({}))
  // What undoes a step has its place beside it; as much on the other side, so that a chain stays
  // straight.
  const undone = new Set([...undoneBy(document).values()].map(({ id }) => id))
  const flow = withoutUndoing(document)
  for (const { id } of flow.nodes) {
    const extra = undone.has(id) ? 2 : 0
    graph.setNode(id, {
      width: CARD_WIDTH + (direction === 'down' ? extra * (UNDO_GAP + CARD_WIDTH) : 0),
      height: CARD_HEIGHT + (direction === 'right' ? extra * (UNDO_GAP + CARD_HEIGHT) : 0),
    })
  }
  document.edges.forEach(({ from, to, loop }, index) => {
    if (!loop) graph.setEdge(from, to, {}, String(index))
  })
  runDagre(graph)
  return new Map(
    flow.nodes.map(({ id }) => {
      const { x, y } = graph.node(id) as { x: number; y: number }
      return [id, { x: x - CARD_WIDTH / 2, y: y - CARD_HEIGHT / 2 }]
    }),
  )
}

export interface Size {
  width: number
  height: number
}

/** The direction in which `document` is larger when it fills `pane`. */
export function directionFor(document: WorkflowDocument, pane: Size): Direction {
  if (document.nodes.length > CHOICE_NODES) return 'right'
  const zoomOf = (direction: Direction): number => {
    const { width, height } = boundsOf(layoutRun(document, direction))
    return Math.min(pane.width / width, pane.height / height)
  }
  return zoomOf('down') > zoomOf('right') ? 'down' : 'right'
}

/** The rectangle around all cards. */
export function boundsOf(places: ReadonlyMap<string, Place>): Place & Size {
  const bounds = { left: 0, top: 0, right: 0, bottom: 0 }
  for (const { x, y } of places.values()) {
    bounds.left = Math.min(bounds.left, x)
    bounds.top = Math.min(bounds.top, y)
    bounds.right = Math.max(bounds.right, x)
    bounds.bottom = Math.max(bounds.bottom, y)
  }
  const { left, top, right, bottom } = bounds
  return { x: left, y: top, width: right - left + CARD_WIDTH, height: bottom - top + CARD_HEIGHT }
}
