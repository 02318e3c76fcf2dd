// What the events of a run say in words and rows.
import type { EventView } from './events'
import { numberOf, recordOf, textOf } from './run-values'

/** One try of a node to do its work. */
export interface Attempt {
  gen: number
  attempt: number
  status: string
  started_at: string | null
  ended_at: string | null
  worker: string | null
  error: Record<string, unknown> | null
}

/** Every try of `node`, oldest first. O(events). */
export function attemptsOf(events: readonly EventView[], node: string): Attempt[] {
  const tries: Attempt[] = []
  for (const event of events) {
    if (event.node === node) foldAttempt(tries, event)
  }
  return tries
}

function foldAttempt(tries: Attempt[], event: EventView): void {
  const data = event.data ?? {}
  const last = tries.at(-1)
  switch (event.type) {
    case 'node.ready':
      tries.push(newAttempt(event, event.time))
      return
    case 'node.waiting':
      if (last) last.status = 'waiting'
      return
    case 'node.retrying':
      if (last) {
        Object.assign(last, {
          status: failedWord(data),
          ended_at: event.time,
          error: recordOf(data.error),
        })
      }
      return
    case 'node.ended':
      // A node without a worker is done as soon as it is due; one that is skipped is never tried.
      if (data.status === 'skipped') return
      if (!last || last.ended_at !== null) tries.push(newAttempt(event, null))
      foldEnd(tries.at(-1), event)
      return
    default:
  }
}

function newAttempt(event: EventView, started_at: string | null): Attempt {
  return {
    gen: event.gen ?? 0,
    attempt: numberOf(event.data?.attempt) ?? 1,
    status: 'ready',
    started_at,
    ended_at: null,
    worker: null,
    error: null,
  }
}

function foldEnd(attempt: Attempt | undefined, event: EventView): void {
  if (!attempt) return
  const data = event.data ?? {}
  attempt.status = textOf(data.status) ?? 'unknown'
  attempt.started_at = textOf(data.started_at) ?? attempt.started_at
  attempt.ended_at = textOf(data.ended_at) ?? event.time
  attempt.worker = textOf(data.worker)
  attempt.error = recordOf(data.error)
}

function failedWord(data: Record<string, unknown>): string {
  return recordOf(data.error)?.code === 'timeout' ? 'timed_out' : 'failed'
}

/** The state that an event leads to, for its icon; null for events that are no states. */
export function stateOfEvent(event: EventView): string | null {
  const data = event.data ?? {}
  switch (event.type) {
    case 'run.started':
    case 'run.resumed':
    case 'node.spawned':
      return 'running'
    case 'run.paused':
      return 'paused'
    case 'run.cancelling':
      return 'cancelling'
    case 'run.compensating':
      return 'compensating'
    case 'node.item':
      return recordOf(data.error) ? 'failed' : 'succeeded'
    case 'run.waiting':
    case 'node.waiting':
      return 'waiting'
    case 'node.ready':
      return 'ready'
    case 'node.retrying':
      return 'retrying'
    case 'run.ended':
    case 'node.ended':
      return textOf(data.status)
    case 'approval.requested':
      return 'needs_you'
    case 'approval.decided':
      return data.decision === 'approve' || data.decision === 'approved' ? 'approved' : 'rejected'
    case 'approval.expired':
      return 'expired'
    case 'approval.cancelled':
      return 'cancelled'
    default:
      return null
  }
}

/** The rest of an event in a line: the fields that a person looks for first. `messages` are the
 * names of messages by their numbers. */
export function detailOfEvent(event: EventView, messages: MessageNames = NO_NAMES): string {
  const data = event.data ?? {}
  const error = recordOf(data.error)
  const told = [
    sentenceOf(event, messages),
    textOf(data.message),
    error ? (textOf(error.message) ?? textOf(error.code)) : null,
    textOf(data.note),
    textOf(data.reason),
    textOf(data.comment),
    data.port && data.port !== 'success' ? `on ${String(data.port)}` : null,
    data.by && event.type !== 'message.received' ? `by ${String(data.by)}` : null,
  ]
  return told.filter((each) => each).join(' · ')
}

export type MessageNames = ReadonlyMap<number, string>
const NO_NAMES: MessageNames = new Map()

/** The names of the messages that came, by their numbers. O(events). */
export function messageNames(events: readonly EventView[]): MessageNames {
  const names = new Map<number, string>()
  for (const { type, data = {} } of events) {
    const number = type === 'message.received' ? numberOf(data.number) : null
    if (number !== null) names.set(number, textOf(data.name) ?? '')
  }
  return names
}

/** What happened, where the type of the event does not say it. */
function sentenceOf({ type, data = {} }: EventView, messages: MessageNames): string | null {
  switch (type) {
    case 'message.received':
      return `the message “${textOf(data.name) ?? ''}” came from ${textOf(data.by) ?? 'somebody'}`
    case 'message.taken':
      return `took the message “${messages.get(numberOf(data.number) ?? 0) ?? ''}”`
    case 'run.cancelling':
    case 'run.compensating':
      return `then it ends as ${textOf(data.status) ?? 'unknown'}`
    case 'node.ready':
      return data.held ? 'waits for a free place' : null
    case 'node.waiting':
      return numberOf(data.children) === null || data.child
        ? null
        : `for ${numberOf(data.children)} items`
    case 'node.spawned':
      return data.first === data.last
        ? `item ${String(data.first)} began`
        : `items ${String(data.first)} to ${String(data.last)} began`
    case 'node.item':
      return `item ${String(data.item)} ${recordOf(data.error) ? 'failed' : 'is done'}`
    case 'node.ended':
      return endOf(data)
    default:
      return null
  }
}

function endOf(data: Record<string, unknown>): string | null {
  const iteration = numberOf(data.loop)
  if (iteration !== null) return `round ${iteration + 1} begins`
  if (data.guard === false) return 'held back by its condition'
  return data.reused === true ? 'taken over from the run before' : null
}
