// Loops in a run: which round a node is in, and which nodes wait for their turn in a new one.
import { type Loop, loopsAround } from './loops'
import { type NodeView, newNode, type RunState } from './run-fold'
import type { Tally } from './run-tally'

/** The rounds of the loops around a node, counted from 1, the outermost first; none outside. */
export function roundsOf(loops: readonly Loop[], rounds: Tally['rounds'], node: string): number[] {
  let begun = 0
  return loopsAround(loops, node).map(({ from }) => {
    const last = rounds[from]
    // A new round of the loop around it begins this one from the start.
    const counts = last !== undefined && last.seq > begun
    begun = Math.max(begun, last?.seq ?? 0)
    return counts ? last.iteration + 1 : 1
  })
}

/** The nodes as they stand: a new round makes its body pending again, and in a run that is being
 * cancelled workers let go of what they have in hand. A node that is shown as it is stays the same
 * object. */
export function standing(
  { nodes, tally, run }: Pick<RunState, 'nodes' | 'tally' | 'run'>,
  loops: readonly Loop[],
): RunState['nodes'] {
  const isStopping = run.status === 'cancelling'
  if (loops.length === 0 && !isStopping) return nodes
  const shown = Object.values(nodes).map((node) =>
    isRearmed(node, tally, loops) ? pending(node) : isStopping ? lettingGo(node) : node,
  )
  return Object.fromEntries(shown.map((node) => [node.id, node]))
}

function isRearmed({ id }: NodeView, { told, rounds }: Tally, loops: readonly Loop[]): boolean {
  const last = told[id]
  if (last === undefined) return false
  return loops.some(({ from, body }) => {
    const round = rounds[from]
    return round !== undefined && round.seq >= last.seq && body.has(id)
  })
}

const kept = new WeakMap<NodeView, NodeView>()

function changed(node: NodeView, make: () => NodeView): NodeView {
  const before = kept.get(node)
  if (before) return before
  const made = make()
  kept.set(node, made)
  return made
}

const pending = (node: NodeView): NodeView =>
  changed(node, () => ({ ...newNode(node.id, node.type), gen: node.gen ?? 0 }))

function lettingGo(node: NodeView): NodeView {
  if (node.status !== 'ready' && node.status !== 'running') return node
  return changed(node, () => ({ ...node, status: 'cancelling' }))
}
