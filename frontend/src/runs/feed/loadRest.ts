// What a snapshot leaves out: the nodes beyond its first page, and the events before it.
import {
  type EventView,
  heldWithoutGap,
  type NodeView,
  type RunAction,
  type RunState,
} from '@/model/run-fold'
import { Gathering } from './Gathering'

/** What it needs of the world; tests give their own. */
export interface RestPorts {
  nodes: (
    cursor: string,
    signal: AbortSignal,
  ) => Promise<{ items: NodeView[]; seq: number; next_cursor?: string | null | undefined }>
  events: (after: number, signal: AbortSignal) => Promise<{ items: EventView[]; after: number }>
  /** Whether it may go well when it is tried again. */
  isPassing: (error: unknown) => boolean
  report: (error: unknown) => void
  pause: (ms: number, signal: AbortSignal) => Promise<void>
  /** Ms of a clock that only goes forward. */
  now: () => number
}

const AGAIN_MS = 1_000

/** Load until nothing is missing or `signal` says stop. Never throws. */
export async function loadRest(
  state: () => RunState,
  fold: (actions: RunAction[]) => void,
  ports: RestPorts,
  signal: AbortSignal,
): Promise<void> {
  const { run } = state()
  while (!signal.aborted) {
    const pages = new Gathering(fold, ports.now)
    try {
      await loadNodes(run.nodes_next_cursor ?? null, pages, ports, signal)
      await loadEvents(heldWithoutGap(state()), run.seq, pages, ports, signal)
      if (!signal.aborted) pages.flush()
      return
    } catch (error) {
      if (!signal.aborted) pages.flush()
      if (signal.aborted) return
      if (!ports.isPassing(error)) return ports.report(error)
      await ports.pause(AGAIN_MS, signal)
    }
  }
}

async function loadNodes(
  first: string | null,
  pages: Gathering,
  ports: RestPorts,
  signal: AbortSignal,
): Promise<void> {
  for (let cursor = first; cursor; ) {
    const page = await ports.nodes(cursor, signal)
    if (signal.aborted) return
    pages.add({ kind: 'nodes', nodes: page.items, seq: page.seq })
    cursor = page.next_cursor ?? null
  }
}

async function loadEvents(
  from: number,
  upTo: number,
  pages: Gathering,
  ports: RestPorts,
  signal: AbortSignal,
): Promise<void> {
  for (let after = from; after < upTo && !signal.aborted; ) {
    const page = await ports.events(after, signal)
    if (signal.aborted || page.items.length === 0) return
    pages.add({ kind: 'history', events: page.items })
    after = page.after
  }
}
