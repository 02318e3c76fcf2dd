// Workflow documents as the builder holds them: plain JSON that always has its lists and, in every
// node, a place on the canvas. What else a document says is the compiler's to judge.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

export interface Place {
  x: number
  y: number
}

export interface DocumentNode {
  id: string
  type: string
  config?: JsonObject
  title?: string
  description?: string
  join?: 'all' | 'any' | number
  retry?: JsonObject
  timeout?: string
  on_error?: 'fail' | 'continue'
  when?: string
  /** Id of the node that undoes this one. */
  compensate?: string
  ui?: JsonObject
}

/** Of a back edge. A document may be faulty: nothing is sure but that it is a mapping. */
export type EdgeLoop = { while?: string; max_iterations?: number }

export interface DocumentEdge {
  from: string
  to: string
  on?: string
  when?: string
  otherwise?: boolean
  loop?: EdgeLoop
}

export interface WorkflowDocument {
  apiVersion: string
  name: string
  title?: string
  description?: string
  inputs?: JsonObject
  nodes: DocumentNode[]
  edges: DocumentEdge[]
  outputs?: Json
  settings?: JsonObject
  concurrency?: JsonObject
  labels?: { [key: string]: string }
  ui?: JsonObject
}

export const API_VERSION = 'minuet/v1'
export const NODE_ID = /^[a-z][a-z0-9_]{0,127}$/
export const WORKFLOW_NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/

/** Words of the expression language, which no node may be called. */
const RESERVED = new Set(
  (
    'as break const continue else false for function if import in let loop namespace null ' +
    'package return true var void while'
  ).split(' '),
)

export const isNodeId = (id: string): boolean => NODE_ID.test(id) && !RESERVED.has(id)

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function emptyDocument(name: string): WorkflowDocument {
  return { apiVersion: API_VERSION, name, nodes: [], edges: [] }
}

/** Why the canvas cannot draw a value: `path` is a JSON Pointer. */
export class NotDrawable extends Error {
  readonly path: string

  constructor(path: string, message: string) {
    super(message)
    this.name = 'NotDrawable'
    this.path = path
  }
}

/** Only what the canvas needs is demanded, so that faulty documents can be mended on it.
 *
 * Every other field is kept as it is, also those that no schema knows. Throws NotDrawable.
 */
export function readDocument(value: unknown): WorkflowDocument {
  if (!isObject(value)) throw new NotDrawable('', 'A document is a mapping')
  const nodes = list(value, 'nodes').map(readNode)
  const seen = new Set<string>()
  nodes.forEach((node, index) => {
    if (seen.has(node.id)) throw new NotDrawable(`/nodes/${index}/id`, `Two nodes are '${node.id}'`)
    seen.add(node.id)
  })
  const edges = list(value, 'edges').map(readEdge)
  edges.forEach((edge, index) => {
    for (const end of ['from', 'to'] as const) {
      if (!seen.has(edge[end])) {
        throw new NotDrawable(`/edges/${index}/${end}`, `There is no node '${edge[end]}'`)
      }
    }
  })
  for (const field of ['settings', 'concurrency']) {
    if (value[field] !== undefined && !isObject(value[field])) {
      throw new NotDrawable(`/${field}`, `'${field}' is a mapping`)
    }
  }
  if (typeof value.name !== 'string') throw new NotDrawable('/name', 'The name is a text')
  const { apiVersion = API_VERSION, name, ...rest } = value
  return { apiVersion, name, ...rest, nodes, edges } as unknown as WorkflowDocument
}

function list(document: JsonObject, field: string): Json[] {
  const value = document[field] ?? []
  if (!Array.isArray(value)) throw new NotDrawable(`/${field}`, `'${field}' is a list`)
  return value
}

function readNode(value: Json, index: number): DocumentNode {
  const at = `/nodes/${index}`
  if (!isObject(value)) throw new NotDrawable(at, 'A node is a mapping')
  for (const field of ['id', 'type']) {
    if (typeof value[field] !== 'string') {
      throw new NotDrawable(`${at}/${field}`, `The ${field} of a node is a text`)
    }
  }
  for (const field of ['config', 'retry', 'ui']) {
    if (value[field] !== undefined && !isObject(value[field])) {
      throw new NotDrawable(`${at}/${field}`, `'${field}' is a mapping`)
    }
  }
  for (const field of ['title', 'description', 'timeout', 'when', 'compensate']) {
    if (value[field] !== undefined && typeof value[field] !== 'string') {
      throw new NotDrawable(`${at}/${field}`, `'${field}' is a text`)
    }
  }
  return value as unknown as DocumentNode
}

function readEdge(value: Json, index: number): DocumentEdge {
  const at = `/edges/${index}`
  if (!isObject(value)) throw new NotDrawable(at, 'An edge is a mapping')
  for (const field of ['from', 'to', 'on', 'when']) {
    const isMissing = value[field] === undefined && (field === 'on' || field === 'when')
    if (!isMissing && typeof value[field] !== 'string') {
      throw new NotDrawable(`${at}/${field}`, `'${field}' is a text`)
    }
  }
  if (value.loop !== undefined && !isObject(value.loop)) {
    throw new NotDrawable(`${at}/loop`, "'loop' is a mapping")
  }
  return value as unknown as DocumentEdge
}

/** Where a node was drawn; null if nobody placed it yet. */
export function placeOf(node: DocumentNode): Place | null {
  const { x, y } = node.ui ?? {}
  return typeof x === 'number' && typeof y === 'number' ? { x, y } : null
}

export function findNode(document: WorkflowDocument, id: string): DocumentNode | undefined {
  return document.nodes.find((node) => node.id === id)
}

/** `wanted` if it is a free id, else made one and numbered: `http`, `http_2` ... */
export function freeId(document: WorkflowDocument, wanted: string): string {
  const taken = new Set(document.nodes.map((node) => node.id))
  const plain = wanted.toLowerCase().replace(/[^a-z0-9_]+/g, '_')
  const start = /^[a-z]/.test(plain) ? plain.slice(0, 120) : 'step'
  const stem = isNodeId(start) ? start : `${start}_step`
  if (!taken.has(stem)) return stem
  for (let number = 2; ; number += 1) {
    if (!taken.has(`${stem}_${number}`)) return `${stem}_${number}`
  }
}

/** The document as the compiler sees it: what only the builder keeps is left out. */
export function withoutDrawing(document: WorkflowDocument): WorkflowDocument {
  const { ui: _, ...rest } = document
  return { ...rest, nodes: document.nodes.map(({ ui: __, ...node }) => node) }
}

/** Equal as JSON, whatever the order of keys. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((each, index) => isSame(each, b[index]))
  }
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
}

/** Does `value` carry a template that is rendered when the node runs? */
export function hasTemplate(value: unknown): boolean {
  return typeof value === 'string' && /(?<!\$)\$\{/.test(value)
}
