// A run as it is watched: a snapshot, and every event and live frame folded into it.
// Pure: the same frames in the same order give the same view.
import type { components } from '@/api/schema'
import type { EventView } from './events'
import { NO_TALLY, type Tally, tallied, tallyOf } from './run-tally'
import { numberOf, recordOf, textOf } from './run-values'
import { hasEnded } from './status'
import { type HeardTurn, hear } from './turns'

type Schemas = components['schemas']
export type RunView = Schemas['RunView']
export type NodeView = Schemas['NodeView']
export type { EventView }
export type LiveView = Schemas['LiveItem']

export interface LiveLog {
  time: string
  level: string
  message: string
  gen: number
  attempt: number
}

/** What is told beside the history of one execution of a node; gone when the next one begins. */
export interface LiveNode {
  gen: number
  attempt: number
  turns: HeardTurn[]
  logs: LiveLog[]
  fraction: number | null
  message: string
}

export interface RunState {
  run: RunView
  /** The last event that is folded: where a lost connection goes on. */
  seq: number
  nodes: Readonly<Record<string, NodeView>>
  live: Readonly<Record<string, LiveNode>>
  /** By id, without duplicates. What happened before the snapshot is loaded afterwards. */
  events: readonly EventView[]
  /** What only the events tell: rounds, child runs, orders. */
  tally: Tally
  /** Digest of the document that the run follows now. */
  digest: string
  /** Events told that approvals, or patches, are others than before: ask for them again. */
  approvalChanges: number
  patchChanges: number
}

export type RunAction =
  /** What was shown is void, or some of it was left out (`slow`); a snapshot follows. */
  | { kind: 'resync'; reason: string }
  | { kind: 'snapshot'; run: RunView }
  /** Further nodes of a large run, as of event `seq`. */
  | { kind: 'nodes'; nodes: readonly NodeView[]; seq: number }
  | { kind: 'event'; event: EventView }
  | { kind: 'live'; live: LiveView }
  /** Events from before the snapshot. */
  | { kind: 'history'; events: readonly EventView[] }

const KEPT_LOGS = 500

export function openRun(run: RunView): RunState {
  return {
    run,
    seq: run.seq,
    nodes: Object.fromEntries(run.nodes.map((node) => [node.id, node])),
    live: {},
    events: [],
    tally: NO_TALLY,
    digest: run.document_digest,
    approvalChanges: 0,
    patchChanges: 0,
  }
}

export function foldAll(state: RunState, actions: readonly RunAction[]): RunState {
  return actions.reduce(foldRun, state)
}

export function foldRun(state: RunState, action: RunAction): RunState {
  switch (action.kind) {
    case 'resync':
      // Shown to a slow client were events of this very history; otherwise nobody knows which hold.
      return action.reason === 'slow' ? state : { ...state, events: [], tally: NO_TALLY }
    case 'snapshot':
      return foldSnapshot(state, action.run)
    case 'nodes':
      return foldNodes(state, action.nodes, action.seq)
    case 'event':
      return foldEvent(state, action.event)
    case 'live':
      return foldLive(state, action.live)
    case 'history':
      // What is newer than the snapshot is told by the feed, which would tell it a second time.
      return withEvents(state, merged(action.events.filter(isToldBy(state)), state.events))
  }
}

function withEvents(state: RunState, events: EventView[]): RunState {
  return { ...state, events, tally: tallyOf(events) }
}

/** In place of what was shown, except for events that it does not contradict. */
function foldSnapshot(state: RunState, run: RunView): RunState {
  const fresh = openRun(run)
  const events = state.events.filter((event) => event.id <= run.seq)
  return {
    ...withEvents(fresh, events),
    nodes: run.nodes_next_cursor ? { ...state.nodes, ...fresh.nodes } : fresh.nodes,
    live: state.live,
    approvalChanges: state.approvalChanges + 1,
    patchChanges: state.patchChanges + 1,
  }
}

/** How far the events reach from the first one on without a gap: what follows up to the snapshot
 * is to be loaded. O(events). */
export function heldWithoutGap({ events }: RunState): number {
  const gap = events.findIndex(({ id }, index) => id !== index + 1)
  return gap === -1 ? events.length : gap
}

/** A node that an event told of since keeps what the event said. */
function foldNodes(state: RunState, nodes: readonly NodeView[], seq: number): RunState {
  const later = new Set(
    state.events.filter((event) => event.id > seq).map((event) => event.node ?? ''),
  )
  const added = nodes.filter((node) => !later.has(node.id))
  return { ...state, nodes: { ...state.nodes, ...Object.fromEntries(added.map((n) => [n.id, n])) } }
}

function foldEvent(state: RunState, event: EventView): RunState {
  if (event.id <= state.seq) return state
  const events = [...state.events, event]
  const next = { ...state, seq: event.id, events, tally: tallied(state.tally, event) }
  const data = event.data ?? {}
  switch (event.type) {
    case 'run.started':
      return withRun(next, { status: 'running', started_at: event.time })
    case 'run.waiting':
      return withRun(next, { status: 'waiting' })
    case 'run.paused':
      return withRun(next, { status: 'paused' })
    case 'run.resumed':
      return withRun(next, { status: 'running' })
    case 'run.cancelling':
      return withRun(next, { status: 'cancelling' })
    case 'run.compensating':
      return withRun(next, { status: 'compensating' })
    case 'run.ended':
      return withRun(next, {
        status: textOf(data.status) ?? 'unknown',
        ended_at: event.time,
        outputs: data.outputs ?? null,
        outputs_ref: recordOf(data.outputs_ref),
        error: recordOf(data.error),
      })
    case 'patch.applied':
      return {
        ...withRun(next, { patches: state.run.patches + 1 }),
        digest: textOf(data.document) ?? state.digest,
        patchChanges: state.patchChanges + 1,
      }
    case 'command.refused':
      return { ...next, patchChanges: state.patchChanges + 1 }
    case 'approval.requested':
    case 'approval.decided':
    case 'approval.expired':
    case 'approval.cancelled':
      return { ...next, approvalChanges: state.approvalChanges + 1 }
    default:
      return foldNodeEvent(next, event)
  }
}

function withRun(state: RunState, changes: Partial<RunView>): RunState {
  return { ...state, run: { ...state.run, ...changes, seq: state.seq } }
}

function foldNodeEvent(state: RunState, event: EventView): RunState {
  if (!event.node) return state
  const before = state.nodes[event.node] ?? newNode(event.node)
  const after = nodeAfter(before, event)
  if (after === null) return state
  const next = { ...state, nodes: { ...state.nodes, [event.node]: after } }
  // A run whose timer ran out works again.
  if (event.type === 'node.ready' && state.run.status === 'waiting') {
    return withRun(next, { status: 'running' })
  }
  return next
}

/** A node that a patch brought: its type is in the document. */
export function newNode(id: string, type = ''): NodeView {
  return { id, type, status: 'pending' }
}

/** The node after one of its events, or null for an event that changes nothing. As the server
 * folds it: common/minuet/views/nodes.py. */
export function nodeAfter(before: NodeView, event: EventView): NodeView | null {
  const node = begun(before, event)
  const data = event.data ?? {}
  const execution = { gen: event.gen ?? 0, attempt: numberOf(data.attempt) ?? node.attempt ?? 0 }
  const base = { ...node, ...execution }
  switch (event.type) {
    case 'node.ready':
      return {
        ...newNode(node.id, node.type),
        ...execution,
        status: 'ready',
        iteration: numberOf(data.iteration) ?? node.iteration ?? 0,
      }
    case 'node.waiting':
      return {
        ...base,
        status: 'waiting',
        due_at: textOf(data.due_at),
        started_at: node.started_at ?? event.time,
      }
    case 'node.retrying':
      return {
        ...base,
        status: 'retrying',
        due_at: textOf(data.due_at),
        error: recordOf(data.error),
      }
    case 'node.ended':
      return {
        ...base,
        status: textOf(data.status) ?? 'unknown',
        port: textOf(data.port),
        error: recordOf(data.error),
        due_at: null,
        started_at: textOf(data.started_at) ?? node.started_at ?? null,
        ended_at: textOf(data.ended_at) ?? event.time,
        worker: textOf(data.worker),
        skipped: Boolean(data.skipped),
        output: data.output ?? null,
        output_ref: recordOf(data.output_ref),
        output_omitted: false,
      }
    default:
      return null
  }
}

/** The node as an execution finds it: nothing of an earlier round is left. A node that needs no
 * worker is not told to be ready first. */
function begun(node: NodeView, { gen = 0 }: EventView): NodeView {
  if ((gen ?? 0) <= (node.gen ?? 0)) return node
  return { ...newNode(node.id, node.type), iteration: node.iteration ?? 0 }
}

function foldLive(state: RunState, live: LiveView): RunState {
  const node = state.nodes[live.node]
  const before = state.live[live.node]
  if (isOlder(live, before) || isOlder(live, node)) return state
  const base = before && !isNewer(live, before) ? before : freshLive(live)
  const next = { ...state, live: { ...state.live, [live.node]: liveAfter(base, live) } }
  if (live.type !== 'node.started' || !node) return next
  if (node.status !== 'ready' || node.gen !== live.gen || node.attempt !== live.attempt) return next
  const began = {
    ...node,
    status: 'running',
    started_at: live.time,
    worker: textOf(live.data.worker),
  }
  return { ...next, nodes: { ...state.nodes, [node.id]: began } }
}

function liveAfter(before: LiveNode, live: LiveView): LiveNode {
  const { data } = live
  switch (live.type) {
    case 'node.delta':
    case 'node.turn':
      return { ...before, turns: hear(before.turns, live.type, data) }
    case 'node.log':
      return { ...before, logs: [...before.logs.slice(1 - KEPT_LOGS), logOf(live)] }
    case 'node.progress':
      return {
        ...before,
        fraction: numberOf(data.fraction) ?? before.fraction,
        message: textOf(data.message) ?? before.message,
      }
    default:
      return before
  }
}

function logOf(live: LiveView): LiveLog {
  const { time, gen, attempt, data } = live
  const level = textOf(data.level) ?? 'info'
  return { time, level, message: textOf(data.message) ?? '', gen, attempt }
}

function freshLive({ gen, attempt }: LiveView): LiveNode {
  return { gen, attempt, turns: [], logs: [], fraction: null, message: '' }
}

interface Execution {
  gen?: number
  attempt?: number
}

function order(a: Execution, b: Execution): number {
  return (a.gen ?? 0) - (b.gen ?? 0) || (a.attempt ?? 0) - (b.attempt ?? 0)
}

const isOlder = (live: LiveView, than: Execution | undefined): boolean =>
  than !== undefined && order(live, than) < 0

const isNewer = (live: LiveView, than: Execution): boolean => order(live, than) > 0

const isToldBy =
  ({ seq }: RunState) =>
  (event: EventView): boolean =>
    event.id <= seq

function merged(past: readonly EventView[], known: readonly EventView[]): EventView[] {
  const byId = new Map([...past, ...known].map((event) => [event.id, event]))
  return [...byId.values()].sort((a, b) => a.id - b.id)
}

/** Nothing of the run will change any more. */
export const runHasEnded = (state: RunState): boolean => hasEnded(state.run.status)
