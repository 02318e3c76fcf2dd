// Frames of /ws/runs/{id} (schemas/socket.json), read from the text of a message.
import type { EventView, LiveView, RunAction, RunView } from '@/model/run-fold'

export type Frame =
  | { kind: 'action'; action: RunAction }
  | { kind: 'ping' }
  /** Of a later version of the server: passed over. */
  | { kind: 'unknown' }

interface Wire {
  kind?: unknown
  run?: unknown
  event?: unknown
  reason?: unknown
}

/** Throws SyntaxError for what is no JSON. */
export function readFrame(message: string): Frame {
  const wire = JSON.parse(message) as Wire
  switch (wire.kind) {
    case 'snapshot':
      return { kind: 'action', action: { kind: 'snapshot', run: wire.run as RunView } }
    case 'event':
      return { kind: 'action', action: { kind: 'event', event: wire.event as EventView } }
    case 'live':
      return { kind: 'action', action: { kind: 'live', live: wire.event as LiveView } }
    case 'resync':
      return { kind: 'action', action: { kind: 'resync', reason: String(wire.reason) } }
    case 'ping':
      return { kind: 'ping' }
    default:
      return { kind: 'unknown' }
  }
}
