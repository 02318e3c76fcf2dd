// Where nodes go when nobody placed them: from left to right along the edges. Back edges do not count,
// and what undoes a step stands right below it.
import { Graph, layout as runDagre } from '@dagrejs/dagre'
import { type Cell, columnPlaces } from './columns'
import { undoneBy } from './compensation'
import { type DocumentNode, type Place, placeOf, type WorkflowDocument } from './document'
import { type PortKind, portsOf, usedPorts } from './ports'

export const NODE_WIDTH = 240
export const NODE_HEIGHT = 64
export const PORT_ROW = 22
const GRID = 20
const RANK_GAP = 100
const NODE_GAP = 48
/** With cards of one port every row is on the grid. */
const CELL: Cell = { width: NODE_WIDTH, rankGap: RANK_GAP, wrapGap: 40, rowGap: 56 }
/** From a step to the one that undoes it. */
const UNDO_GAP = 36
/** Beyond this dagre takes longer than a person waits. */
const DAGRE_NODES = 200

export type KindOf = (type: string) => PortKind | undefined

/** Cards with several ways out have a row for each. */
export function heightOf(mainPorts: number): number {
  return mainPorts > 1 ? NODE_HEIGHT + mainPorts * PORT_ROW + 4 : NODE_HEIGHT
}

export const snap = (value: number): number => Math.round(value / GRID) * GRID

function heights(document: WorkflowDocument, kindOf: KindOf): Map<string, number> {
  const used = usedPorts(document)
  return new Map(
    document.nodes.map((node) => {
      const ports = portsOf(node, kindOf(node.type), used.get(node.id) ?? [])
      return [node.id, heightOf(ports.main.length)]
    }),
  )
}

function byDagre(document: WorkflowDocument, sizes: Map<string, number>): Map<string, Place> {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'LR', ranksep: RANK_GAP, nodesep: NODE_GAP, marginx: 0, marginy: 0 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { id } of document.nodes) {
    graph.setNode(id, { width: NODE_WIDTH, height: sizes.get(id) ?? NODE_HEIGHT })
  }
  document.edges.forEach(({ from, to, loop }, index) => {
    if (!loop) graph.setEdge(from, to, {}, String(index))
  })
  runDagre(graph)
  return new Map(
    document.nodes.map(({ id }) => {
      const { x, y, height } = graph.node(id) as { x: number; y: number; height: number }
      return [id, { x: snap(x - NODE_WIDTH / 2), y: snap(y - height / 2) }]
    }),
  )
}

function byColumns(document: WorkflowDocument, sizes: Map<string, number>): Map<string, Place> {
  const places = columnPlaces(document, sizes, CELL)
  return new Map([...places].map(([id, { x, y }]) => [id, { x: snap(x), y: snap(y) }]))
}

/** A place for every node, whatever was drawn before. */
export function layout(document: WorkflowDocument, kindOf: KindOf): Map<string, Place> {
  const sizes = heights(document, kindOf)
  const isLarge = document.nodes.length > DAGRE_NODES
  const flow = withoutUndoing(document)
  const undone = undoneBy(document)
  // As much room above as below: a chain of steps stays straight.
  const room = new Map(sizes)
  for (const { id } of undone.values()) {
    room.set(id, (sizes.get(id) ?? NODE_HEIGHT) + 2 * (UNDO_GAP + NODE_HEIGHT))
  }
  const places = isLarge ? byColumns(flow, room) : byDagre(flow, room)
  for (const [id, { id: other }] of undone) {
    const height = sizes.get(other) ?? NODE_HEIGHT
    const { x, y } = places.get(other) ?? { x: 0, y: 0 }
    const top = snap(y + UNDO_GAP + NODE_HEIGHT)
    places.set(other, { x, y: top })
    places.set(id, { x, y: snap(top + height + UNDO_GAP) })
  }
  return places
}

/** The document without the nodes that undo others: nothing leads to them. */
export function withoutUndoing(document: WorkflowDocument): WorkflowDocument {
  const undone = undoneBy(document)
  if (undone.size === 0) return document
  return { ...document, nodes: document.nodes.filter(({ id }) => !undone.has(id)) }
}

export function moved(node: DocumentNode, place: Place): DocumentNode {
  return { ...node, ui: { ...node.ui, x: place.x, y: place.y } }
}

/** The document with a place for each node; those that have one keep it. */
export function placed(document: WorkflowDocument, kindOf: KindOf): WorkflowDocument {
  if (document.nodes.every((node) => placeOf(node) !== null)) return document
  const places = layout(document, kindOf)
  const below = lowestOf(document)
  const nodes = document.nodes.map((node) => {
    if (placeOf(node) !== null) return node
    const place = places.get(node.id) ?? { x: 0, y: 0 }
    return moved(node, { x: place.x, y: place.y + below })
  })
  return { ...document, nodes }
}

/** New nodes go below what somebody placed by hand. */
function lowestOf(document: WorkflowDocument): number {
  const bottoms = document.nodes.map((node) => placeOf(node)).filter((place) => place !== null)
  if (bottoms.length === 0) return 0
  return snap(Math.max(...bottoms.map(({ y }) => y)) + NODE_HEIGHT + 2 * NODE_GAP)
}
