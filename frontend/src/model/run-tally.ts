// What only the events of a run tell, beside the nodes: rounds of loops, child runs, who holds it.
import type { EventView } from './events'
import { numberOf, recordOf, textOf } from './run-values'

/** How far a node is that runs others, one for each of its items. */
export interface Children {
  gen: number
  /** Of all items. */
  count: number
  spawned: number
  done: number
  failed: number
  /** The one child run of a `workflow` node. */
  child: string | null
}

/** What the last event of a node said besides its state. */
export interface Told {
  seq: number
  /** Its condition held it back. */
  held: boolean
  /** Its result was taken over from another run. */
  reused: boolean
}

/** The last order that a run follows. */
export interface Control {
  type: string
  by: string
  reason: string
  /** What the run ends in after that, as far as it is known. */
  status: string
  error: Record<string, unknown> | null
}

export interface Tally {
  /** By the node that closes a loop: the round that its last turn began (the first is 0). */
  rounds: Readonly<Record<string, { seq: number; iteration: number }>>
  told: Readonly<Record<string, Told>>
  children: Readonly<Record<string, Children>>
  control: Control | null
}

export const NO_TALLY: Tally = { rounds: {}, told: {}, children: {}, control: null }

/** Of a whole history, oldest event first. O(events). */
export function tallyOf(events: readonly EventView[]): Tally {
  const tally = newCounting()
  for (const event of events) count(tally, event)
  return tally
}

/** The tally with one event more; the same object if it tells nothing. */
export function tallied(tally: Tally, event: EventView): Tally {
  if (!event.node && controlOf(event) === undefined) return tally
  const next: Counting = {
    rounds: { ...tally.rounds },
    told: { ...tally.told },
    children: { ...tally.children },
    control: tally.control,
  }
  count(next, event)
  return next
}

/** A tally that is still counted. */
export interface Counting {
  rounds: Record<string, { seq: number; iteration: number }>
  told: Record<string, Told>
  children: Record<string, Children>
  control: Control | null
}

export const newCounting = (): Counting => ({ rounds: {}, told: {}, children: {}, control: null })

/** In place: for whoever goes through many events. */
export function count(tally: Counting, event: EventView): void {
  const control = controlOf(event)
  if (control !== undefined) tally.control = control
  const { node } = event
  if (!node) return
  const data = event.data ?? {}
  if (event.type === 'node.spawned' || event.type === 'node.item') {
    const before = tally.children[node]
    if (before) tally.children[node] = childrenAfter(before, event.type, data)
    return
  }
  if (!event.type.startsWith('node.')) return
  const isEnd = event.type === 'node.ended'
  tally.told[node] = {
    seq: event.id,
    held: isEnd && data.guard === false,
    reused: isEnd && data.reused === true,
  }
  const iteration = isEnd ? numberOf(data.loop) : null
  if (iteration !== null) tally.rounds[node] = { seq: event.id, iteration }
  if (event.type === 'node.waiting' && typeof data.children === 'number') {
    tally.children[node] = newChildren(event.gen ?? 0, data.children, textOf(data.child))
  }
}

function newChildren(gen: number, count: number, child: string | null): Children {
  return { gen, count, spawned: 0, done: 0, failed: 0, child }
}

function childrenAfter(before: Children, type: string, data: Record<string, unknown>): Children {
  if (type === 'node.spawned') {
    return { ...before, spawned: Math.max(before.spawned, (numberOf(data.last) ?? -1) + 1) }
  }
  const failed = Number(recordOf(data.error) !== null)
  return { ...before, done: before.done + 1 - failed, failed: before.failed + failed }
}

/** Undefined: the event is no order; null: the run goes on, or is over. */
function controlOf({ type, data = {} }: EventView): Control | null | undefined {
  switch (type) {
    case 'run.paused':
    case 'run.cancelling':
    case 'run.compensating':
      return {
        type,
        by: textOf(data.by) ?? '',
        reason: textOf(data.reason) ?? '',
        status: textOf(data.status) ?? '',
        error: recordOf(data.error),
      }
    case 'run.resumed':
    case 'run.ended':
      return null
    default:
      return undefined
  }
}
