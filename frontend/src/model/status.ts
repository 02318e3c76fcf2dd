// The one palette of states: word, colour, icon and shape, for runs, nodes and approvals alike.
// Never colour alone: the shape or the icon tells the states apart as well.

export type StatusWord =
  | 'pending'
  | 'ready'
  | 'queued'
  | 'running'
  | 'retrying'
  | 'waiting'
  | 'needs_you'
  | 'paused'
  | 'cancelling'
  | 'compensating'
  | 'succeeded'
  | 'failed'
  | 'timed_out'
  | 'skipped'
  | 'cancelled'
  | 'approved'
  | 'rejected'
  | 'expired'

export type StatusIcon =
  | 'ring'
  | 'dot'
  | 'retry'
  | 'clock'
  | 'hand'
  | 'pause'
  | 'stop'
  | 'undo'
  | 'check'
  | 'cross'
  | 'skip'
  | 'bar'
  | 'question'

/** How a bar, border or card of the state is drawn. */
export type StatusShape = 'hollow' | 'solid' | 'striped' | 'dashed'

export interface StatusLook {
  /** What a person reads. */
  label: string
  /** A custom property of src/app/styles.css, as `var(...)`: it follows light and dark. */
  colour: string
  icon: StatusIcon
  shape: StatusShape
  /** Drawn with a slow pulse; the style sheet turns it off under reduced motion. */
  pulses: boolean
  /** Nothing more will happen. */
  ended: boolean
}

function look(
  label: string,
  token: string,
  icon: StatusIcon,
  shape: StatusShape,
  more: { pulses?: boolean; ended?: boolean } = {},
): StatusLook {
  const { pulses = false, ended = false } = more
  return { label, colour: `var(--state-${token})`, icon, shape, pulses, ended }
}

const ENDED = { ended: true }

export const STATUS_LOOKS: Readonly<Record<StatusWord, StatusLook>> = {
  pending: look('Pending', 'quiet', 'ring', 'hollow'),
  ready: look('Ready', 'queued', 'ring', 'hollow'),
  queued: look('Queued', 'queued', 'ring', 'hollow'),
  running: look('Running', 'running', 'dot', 'solid', { pulses: true }),
  retrying: look('Retrying', 'running', 'retry', 'solid'),
  waiting: look('Waiting', 'waiting', 'clock', 'solid'),
  needs_you: look('Needs your answer', 'needs-you', 'hand', 'solid'),
  paused: look('Paused', 'held', 'pause', 'striped'),
  cancelling: look('Cancelling', 'held', 'stop', 'striped'),
  compensating: look('Compensating', 'held', 'undo', 'striped'),
  succeeded: look('Succeeded', 'succeeded', 'check', 'solid', ENDED),
  failed: look('Failed', 'failed', 'cross', 'solid', ENDED),
  timed_out: look('Timed out', 'failed', 'clock', 'solid', ENDED),
  skipped: look('Skipped', 'quiet', 'skip', 'dashed', ENDED),
  cancelled: look('Cancelled', 'quiet', 'bar', 'solid', ENDED),
  approved: look('Approved', 'succeeded', 'check', 'solid', ENDED),
  rejected: look('Rejected', 'failed', 'cross', 'solid', ENDED),
  expired: look('Expired', 'quiet', 'clock', 'solid', ENDED),
}

/** A patched node is in some other state: this colour marks its corner only. */
export const PATCHED_COLOUR = 'var(--state-patched)'
/** Of the counter "2/5" beside a node that is tried again. */
export const COUNTER_COLOUR = 'var(--state-counter)'

export const RUN_STATUSES = [
  'queued',
  'running',
  'waiting',
  'paused',
  'cancelling',
  'compensating',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
] as const satisfies readonly StatusWord[]

function isStatusWord(word: string): word is StatusWord {
  return Object.hasOwn(STATUS_LOOKS, word)
}

/** How to draw `word`; a word that this version does not know is grey and shows itself. */
export function statusLook(word: string): StatusLook {
  if (isStatusWord(word)) return STATUS_LOOKS[word]
  return look(word, 'unknown', 'question', 'hollow')
}

/** Runs never leave these states. */
export function hasEnded(word: string): boolean {
  return statusLook(word).ended
}
