// Loops of a document: which nodes a back edge runs again, and how loops lie inside each other.
// The compiler's word is final (common/minuet/ir/loops.py); this decides what is drawn.
import type { DocumentEdge, WorkflowDocument } from './document'

/** Without its level. */
type Bare = Omit<Loop, 'level'>

export interface Loop {
  /** Index of the back edge. */
  edge: number
  /** The node that closes the loop, and the one it goes back to. */
  from: string
  to: string
  /** Everything that runs again, both ends included. */
  body: ReadonlySet<string>
  /** How many loops lie one inside the other within it: 0 for an innermost one. */
  level: number
}

/** The loops, in the order of their edges. O(loops x (edges + loops x nodes)). */
export function loopsOf({ edges }: WorkflowDocument): Loop[] {
  const closing = edges.flatMap((edge, index) => (edge.loop ? [{ edge, index }] : []))
  if (closing.length === 0) return []
  const behind = new Map<string, string[]>()
  for (const { from, to, loop } of edges) {
    if (!loop) behind.set(to, [...(behind.get(to) ?? []), from])
  }
  const bare = closing.map(({ edge, index }) => ({
    edge: index,
    from: edge.from,
    to: edge.to,
    body: bodyOf(edge, behind),
  }))
  return bare.map((loop) => ({ ...loop, level: levelOf(bare, loop) }))
}

/** What leads to the source without passing the header. */
function bodyOf({ from, to }: DocumentEdge, behind: ReadonlyMap<string, string[]>): Set<string> {
  const body = new Set([to, from])
  const open = from === to ? [] : [from]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const before of behind.get(id) ?? []) {
      if (body.has(before)) continue
      body.add(before)
      open.push(before)
    }
  }
  return body
}

/** The loops around `node`, the outermost first. */
export function loopsAround(loops: readonly Loop[], node: string): Loop[] {
  return loops.filter(({ body }) => body.has(node)).sort((a, b) => b.body.size - a.body.size)
}

function levelOf(loops: readonly Bare[], loop: Bare): number {
  const inner = loops.filter((each) => each !== loop && isInside(each, loop))
  return inner.reduce((most, each) => Math.max(most, levelOf(inner, each) + 1), 0)
}

function isInside(inner: Bare, outer: Bare): boolean {
  return inner.body.size < outer.body.size && [...inner.body].every((id) => outer.body.has(id))
}
