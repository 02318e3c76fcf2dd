// Every change to a document is one of these edits, applied by one pure reducer.
import {
  type DocumentEdge,
  type DocumentNode,
  type EdgeLoop,
  freeId,
  isNodeId,
  type JsonObject,
  type Place,
  placeOf,
  type WorkflowDocument,
} from './document'
import { moved } from './layout'
import { defaultPort, mayLoop, whyNotConnect } from './ports'
import { renameNode } from './references'

/** Fields of a node that a form sets; `undefined` removes the field. */
export type NodeFields = Partial<Omit<DocumentNode, 'id' | 'type' | 'ui'>>
export type EdgeFields = Partial<Omit<DocumentEdge, 'from' | 'to'>>
export type DocumentFields = Partial<Omit<WorkflowDocument, 'nodes' | 'edges' | 'apiVersion'>>

/** The end of an edge that a new node is hung on. */
export interface Origin {
  from: string
  on: string
}

export type Edit =
  | { kind: 'add_node'; node: DocumentNode; after?: Origin }
  | { kind: 'remove'; nodes: string[]; edges: number[] }
  | { kind: 'move'; places: ReadonlyMap<string, Place> }
  | { kind: 'set_node'; id: string; fields: NodeFields }
  | { kind: 'rename_node'; id: string; to: string }
  | { kind: 'duplicate'; nodes: string[]; offset: Place }
  /** With `loop` a back edge: it must lead back. */
  | { kind: 'connect'; from: string; to: string; on: string; loop?: EdgeLoop }
  | { kind: 'set_edge'; index: number; fields: EdgeFields }
  | { kind: 'set_document'; fields: DocumentFields }
  | { kind: 'replace'; document: WorkflowDocument }

/** The document after `edit`; the same object if the edit does nothing or may not be done.
 *
 * Ids stay unique and edges lead from node to node, without a cycle but for loops, whatever is asked
 * for.
 */
export function applyEdit(document: WorkflowDocument, edit: Edit): WorkflowDocument {
  switch (edit.kind) {
    case 'add_node':
      return addNode(document, edit.node, edit.after)
    case 'remove':
      return remove(document, new Set(edit.nodes), new Set(edit.edges))
    case 'move':
      return move(document, edit.places)
    case 'set_node':
      return changeNode(document, edit.id, (node) => merge(node, edit.fields))
    case 'rename_node':
      return rename(document, edit.id, edit.to)
    case 'duplicate':
      return duplicate(document, new Set(edit.nodes), edit.offset)
    case 'connect':
      return connect(document, edit)
    case 'set_edge':
      return changeEdge(document, edit.index, edit.fields)
    case 'set_document':
      return merge(document, edit.fields)
    case 'replace':
      return edit.document
  }
}

/** As spread, but `undefined` removes; the same object if nothing differs. */
function merge<T extends object>(object: T, fields: Partial<NoInfer<T>>): T {
  const entries = Object.entries(fields)
  if (entries.every(([key, value]) => object[key as keyof T] === value)) return object
  const gone = new Set(entries.filter(([, value]) => value === undefined).map(([key]) => key))
  const next = Object.entries({ ...object, ...fields }).filter(([key]) => !gone.has(key))
  return Object.fromEntries(next) as T
}

function addNode(document: WorkflowDocument, node: DocumentNode, after?: Origin) {
  if (document.nodes.some(({ id }) => id === node.id)) return document
  const next = { ...document, nodes: [...document.nodes, node] }
  return after ? connect(next, { ...after, to: node.id }) : next
}

function remove(document: WorkflowDocument, nodes: Set<string>, edges: Set<number>) {
  const leftNodes = document.nodes.filter(({ id }) => !nodes.has(id))
  const leftEdges = document.edges.filter(
    ({ from, to }, index) => !edges.has(index) && !nodes.has(from) && !nodes.has(to),
  )
  const isSame =
    leftNodes.length === document.nodes.length && leftEdges.length === document.edges.length
  return isSame
    ? document
    : { ...document, nodes: leftNodes.map((node) => unlinked(node, nodes)), edges: leftEdges }
}

/** Without naming a node that is gone as the one that undoes it. */
function unlinked(node: DocumentNode, gone: ReadonlySet<string>): DocumentNode {
  if (node.compensate === undefined || !gone.has(node.compensate)) return node
  const { compensate: _, ...rest } = node
  return rest
}

function move(document: WorkflowDocument, places: ReadonlyMap<string, Place>) {
  let changed = false
  const nodes = document.nodes.map((node) => {
    const place = places.get(node.id)
    const now = placeOf(node)
    if (!place || (now?.x === place.x && now.y === place.y)) return node
    changed = true
    return moved(node, place)
  })
  return changed ? { ...document, nodes } : document
}

function changeNode(
  document: WorkflowDocument,
  id: string,
  change: (node: DocumentNode) => DocumentNode,
) {
  let changed = false
  const nodes = document.nodes.map((node) => {
    const next = node.id === id ? change(node) : node
    changed ||= next !== node
    return next
  })
  return changed ? { ...document, nodes } : document
}

function rename(document: WorkflowDocument, id: string, to: string) {
  const isTaken = document.nodes.some((node) => node.id === to)
  const isThere = document.nodes.some((node) => node.id === id)
  return isThere && !isTaken && isNodeId(to) ? renameNode(document, id, to) : document
}

/** Copies with the edges among them. A node undoes one other: what undoes a copy is a copy. */
function duplicate(document: WorkflowDocument, nodes: Set<string>, offset: Place) {
  let next = document
  const names = new Map<string, string>()
  for (const node of document.nodes) {
    if (!nodes.has(node.id)) continue
    const id = freeId(next, node.id.replace(/_\d+$/, ''))
    names.set(node.id, id)
    const place = placeOf(node) ?? { x: 0, y: 0 }
    const copy = moved({ ...node, id }, { x: place.x + offset.x, y: place.y + offset.y })
    next = { ...next, nodes: [...next.nodes, copy] }
  }
  if (names.size === 0) return document
  const edges = document.edges.flatMap((edge) => {
    const from = names.get(edge.from)
    const to = names.get(edge.to)
    return from !== undefined && to !== undefined ? [{ ...edge, from, to }] : []
  })
  const copies = new Set(names.values())
  const linked = next.nodes.map((node) => (copies.has(node.id) ? recompensated(node, names) : node))
  return { ...next, nodes: linked, edges: [...next.edges, ...edges] }
}

function recompensated(copy: DocumentNode, names: ReadonlyMap<string, string>): DocumentNode {
  if (copy.compensate === undefined) return copy
  const { compensate, ...rest } = copy
  const other = names.get(compensate)
  return other === undefined ? rest : { ...rest, compensate: other }
}

interface Wanted {
  from: string
  to: string
  on: string
  loop?: EdgeLoop
}

function connect(document: WorkflowDocument, { from, to, on, loop }: Wanted) {
  const source = document.nodes.find((node) => node.id === from)
  const isThere = source && document.nodes.some((node) => node.id === to)
  if (!isThere) return document
  const refusal = whyNotConnect(document, { from, to, on })
  if (loop ? !mayLoop(refusal) : refusal !== null) return document
  const edge: DocumentEdge = {
    from,
    to,
    ...(on === defaultPort(source) ? {} : { on }),
    ...(loop ? { loop } : {}),
  }
  return { ...document, edges: [...document.edges, edge] }
}

function changeEdge(document: WorkflowDocument, index: number, fields: EdgeFields) {
  const edge = document.edges[index]
  if (edge === undefined) return document
  // A back edge stays one, and no other becomes one: the rest would be a cycle, or no loop.
  if ('loop' in fields && (fields.loop === undefined) !== (edge.loop === undefined)) return document
  const next = merge(edge, fields)
  if (next === edge) return document
  return { ...document, edges: document.edges.map((each, at) => (at === index ? next : each)) }
}

/** Edits of one key right after each other are one step of undo: typing, nudging. */
export function stepKey(edit: Edit): string | null {
  switch (edit.kind) {
    case 'set_node':
      return `node ${edit.id} ${fieldKey(edit.fields)}`
    case 'set_edge':
      return `edge ${edit.index} ${fieldKey(edit.fields)}`
    case 'set_document':
      return `document ${fieldKey(edit.fields)}`
    case 'add_node':
    case 'remove':
    case 'move':
    case 'rename_node':
    case 'duplicate':
    case 'connect':
    case 'replace':
      return null
  }
}

function fieldKey(fields: object): string {
  return Object.keys(fields).sort().join(' ')
}

/** A new node of a type, at a place, under an id of its own. */
export function newNode(
  document: WorkflowDocument,
  type: string,
  place: Place,
  config: JsonObject = {},
): DocumentNode {
  const id = freeId(document, type.split(/[.-]/).pop() ?? type)
  return { id, type, config, ui: { x: place.x, y: place.y } }
}
