// Where nodes go when nobody placed them: from left to right along the edges. Back edges do not count,
// and what undoes a step stands right below it.
import { Graph, layout as runDagre } from '@dagrejs/dagre'
import { undoneBy } from './compensation'
import { type DocumentNode, type Place, placeOf, type WorkflowDocument } from './document'
import { type PortKind, portsOf, usedPorts } from './ports'

export const NODE_WIDTH = 240
export const NODE_HEIGHT = 64
export const PORT_ROW = 22
const GRID = 20
const RANK_GAP = 100
const NODE_GAP = 48
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

/** A column for each distance from the start, in the order of the document. O(nodes + edges). */
function byColumns(document: WorkflowDocument, sizes: Map<string, number>): Map<string, Place> {
  const next = new Map<string, string[]>()
  const missing = new Map(document.nodes.map(({ id }) => [id, 0]))
  for (const { from, to, loop } of document.edges) {
    if (loop) continue
    const targets = next.get(from)
    if (targets) targets.push(to)
    else next.set(from, [to])
    missing.set(to, (missing.get(to) ?? 0) + 1)
  }
  const column = new Map(document.nodes.map(({ id }) => [id, 0]))
  const open = document.nodes.map(({ id }) => id).filter((id) => missing.get(id) === 0)
  for (let at = 0; at < open.length; at += 1) {
    const id = open[at] as string
    for (const to of next.get(id) ?? []) {
      column.set(to, Math.max(column.get(to) ?? 0, (column.get(id) ?? 0) + 1))
      const left = (missing.get(to) ?? 0) - 1
      missing.set(to, left)
      if (left === 0) open.push(to)
    }
  }
  const filled = new Map<number, number>()
  return new Map(
    document.nodes.map(({ id }) => {
      const at = column.get(id) ?? 0
      const y = filled.get(at) ?? 0
      filled.set(at, y + (sizes.get(id) ?? NODE_HEIGHT) + NODE_GAP)
      return [id, { x: snap(at * (NODE_WIDTH + RANK_GAP)), y: snap(y) }]
    }),
  )
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
