// Every execution of one node, from the history: in a loop there are many.

import type { EventView } from './events'
import type { Loop } from './loops'
import { type NodeView, newNode, nodeAfter } from './run-fold'
import { roundsOf } from './run-rounds'
import { type Counting, count, newCounting, type Told } from './run-tally'

export interface Execution {
  /** The node as this execution left it, or has it now. */
  node: NodeView
  told: Told | undefined
  /** Rounds of the loops around the node, the outermost first. */
  rounds: number[]
}

/** Of `id`, oldest first; one that was passed over in a round counts too. O(events). */
export function executionsOf(
  events: readonly EventView[],
  id: string,
  type: string,
  loops: readonly Loop[],
): Execution[] {
  const tally: Counting = newCounting()
  const found: Execution[] = []
  let isOver = true
  for (const event of events) {
    const isOwn = event.node === id && event.type.startsWith('node.')
    if (isOwn && isOver) {
      found.push({
        node: newNode(id, type),
        told: undefined,
        rounds: roundsOf(loops, tally.rounds, id),
      })
      isOver = false
    }
    count(tally, event)
    const last = found.at(-1)
    if (!isOwn || last === undefined) continue
    last.node = nodeAfter(last.node, event) ?? last.node
    last.told = tally.told[id]
    isOver = event.type === 'node.ended'
  }
  return found
}
