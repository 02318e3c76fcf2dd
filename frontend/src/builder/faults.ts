import type { Diagnostic } from '@/api/types'
import type { WorkflowDocument } from '@/model/document'
import { splitPointer } from '@/model/yaml'

export interface FaultCount {
  errors: number
  warnings: number
}

/** What a diagnostic is about: a node or an edge, and the rest of its pointer. */
export interface FaultPlace {
  node: string | null
  edge: number | null
  rest: string[]
}

export function faultPlace(document: WorkflowDocument, path: string): FaultPlace {
  const [part, index, ...rest] = splitPointer(path)
  const at = Number(index)
  if (part === 'nodes' && document.nodes[at]) {
    return { node: document.nodes[at].id, edge: null, rest }
  }
  if (part === 'edges' && document.edges[at]) return { node: null, edge: at, rest }
  return { node: null, edge: null, rest: splitPointer(path) }
}

export interface FaultMap {
  nodes: ReadonlyMap<string, FaultCount>
  edges: ReadonlyMap<number, FaultCount>
}

/** How many faults each node and each edge has. `document` is the one that was checked. */
export function countFaults(document: WorkflowDocument, diagnostics: Diagnostic[]): FaultMap {
  const nodes = new Map<string, FaultCount>()
  const edges = new Map<number, FaultCount>()
  for (const { path, severity } of diagnostics) {
    const { node, edge } = faultPlace(document, path)
    if (node !== null) nodes.set(node, counted(nodes.get(node), severity))
    if (edge !== null) edges.set(edge, counted(edges.get(edge), severity))
  }
  return { nodes, edges }
}

function counted(before: FaultCount | undefined, severity: Diagnostic['severity']): FaultCount {
  const { errors, warnings } = before ?? { errors: 0, warnings: 0 }
  return severity === 'error'
    ? { errors: errors + 1, warnings }
    : { errors, warnings: warnings + 1 }
}
