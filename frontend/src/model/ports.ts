// On which ports a node can end. The compiler's word is final; this decides what is drawn.
import type { DocumentEdge, DocumentNode, WorkflowDocument } from './document'

/** What of a node type the drawing needs. */
export interface PortKind {
  ports: string[] | null
  inline: boolean
}

export interface NodePorts {
  /** Right of the card, in the order in which a person thinks of them. */
  main: string[]
  /** Below the card: what went wrong. */
  trouble: string[]
}

const TROUBLE = ['error', 'timeout']
/** Where a step ends that closes a loop which may not go round any more. */
const EXHAUSTED = 'exhausted'
const BELOW = [...TROUBLE, EXHAUSTED]

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

function branchPorts(node: DocumentNode): string[] {
  const cases = Array.isArray(node.config?.cases) ? node.config.cases : []
  const named = cases.map((each) =>
    typeof each === 'object' && each !== null && !Array.isArray(each) ? each.port : null,
  )
  return texts([...named, node.config?.default]).filter((port) => port !== '')
}

function ownPorts(node: DocumentNode, kind: PortKind | undefined): NodePorts {
  if (node.type === 'hitl') return { main: ['approved', 'rejected'], trouble: ['timeout', 'error'] }
  if (node.type === 'branch') return { main: branchPorts(node), trouble: ['error'] }
  if (node.type === 'agent') {
    const named = texts(node.config?.ports)
    return { main: named.length > 0 ? named : ['success'], trouble: TROUBLE }
  }
  const main = ['success', ...(kind?.ports ?? []).filter((port) => !TROUBLE.includes(port))]
  if (node.type === 'join') return { main, trouble: [] }
  return { main, trouble: kind?.inline ? ['error'] : TROUBLE }
}

/** Ports to draw: those of the type and the config, and any that an edge listens to. A step that
 * `closes` a loop has one more. */
export function portsOf(
  node: DocumentNode,
  kind: PortKind | undefined,
  used: Iterable<string>,
  closes = false,
): NodePorts {
  const { main, trouble } = ownPorts(node, kind)
  const drawn = { main: [...new Set(main)], trouble: [...trouble, ...(closes ? [EXHAUSTED] : [])] }
  for (const port of used) {
    if (drawn.main.includes(port) || drawn.trouble.includes(port)) continue
    if (BELOW.includes(port)) drawn.trouble.push(port)
    else drawn.main.push(port)
  }
  return drawn
}

/** The port that an edge without `on` listens to. */
export function defaultPort(node: DocumentNode | undefined): string {
  return node?.type === 'hitl' ? 'approved' : 'success'
}

export function portOf(edge: DocumentEdge, source: DocumentNode | undefined): string {
  return edge.on ?? defaultPort(source)
}

/** The ports that edges listen to, by the id of their source. */
export function usedPorts(document: WorkflowDocument): Map<string, Set<string>> {
  const byId = new Map(document.nodes.map((node) => [node.id, node]))
  const used = new Map<string, Set<string>>()
  for (const edge of document.edges) {
    const ports = used.get(edge.from) ?? new Set()
    ports.add(portOf(edge, byId.get(edge.from)))
    used.set(edge.from, ports)
  }
  return used
}

/** The steps that close a loop. */
export function closersOf(document: WorkflowDocument): Set<string> {
  return new Set(document.edges.flatMap(({ from, loop }) => (loop ? [from] : [])))
}

/** `itself` and `cycle` may become a loop, unless the step closes one already (`shared`). */
export type Refusal = 'itself' | 'cycle' | 'shared' | 'duplicate'

export const mayLoop = (refusal: Refusal | null): boolean =>
  refusal === 'itself' || refusal === 'cycle'

/** Why an edge may not be drawn as it is, or null. Walks what follows `to`: O(nodes + edges). */
export function whyNotConnect(
  document: WorkflowDocument,
  { from, to, on }: { from: string; to: string; on: string },
): Refusal | null {
  const source = document.nodes.find((node) => node.id === from)
  const isThere = document.edges.some(
    (edge) => edge.from === from && edge.to === to && portOf(edge, source) === on && !edge.when,
  )
  if (isThere) return 'duplicate'
  if (from !== to && !reaches(document, to, from)) return null
  if (document.edges.some((edge) => edge.from === from && edge.loop)) return 'shared'
  return from === to ? 'itself' : 'cycle'
}

function reaches(document: WorkflowDocument, start: string, goal: string): boolean {
  const next = new Map<string, string[]>()
  for (const { from, to, loop } of document.edges) {
    if (!loop) next.set(from, [...(next.get(from) ?? []), to])
  }
  const seen = new Set([start])
  const open = [start]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === goal) return true
    for (const to of next.get(id) ?? []) {
      if (!seen.has(to)) {
        seen.add(to)
        open.push(to)
      }
    }
  }
  return false
}
