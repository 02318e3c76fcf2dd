// Which child run did which item of which node, as far as their ends were told.
import type { EventView } from './events'
import { numberOf, textOf } from './run-values'

export interface DoneItem {
  node: string
  item: number
}

/** By child run. O(events). */
export function itemsOf(events: readonly EventView[]): Map<string, DoneItem> {
  const done = new Map<string, DoneItem>()
  for (const { type, node, data = {} } of events) {
    const run = type === 'node.item' && node ? textOf(data.run) : null
    if (run) done.set(run, { node: node ?? '', item: numberOf(data.item) ?? 0 })
  }
  return done
}
