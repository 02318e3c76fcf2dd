// Undo and redo over immutable values: what comes back is the very object that was there.

export interface History<T> {
  past: readonly T[]
  present: T
  future: readonly T[]
  /** Key and time of the last step, if the next one may join it. */
  last: { key: string; at: number } | null
}

export const MAX_STEPS = 500
const JOIN_MS = 1_200

export function startHistory<T>(present: T): History<T> {
  return { past: [], present, future: [], last: null }
}

/** Steps with the same `key` within a second or so become one. `now` in ms. */
export function record<T>(
  history: History<T>,
  next: T,
  key: string | null,
  now: number,
): History<T> {
  if (next === history.present) return history
  const { last } = history
  const joins = key !== null && last !== null && last.key === key && now - last.at < JOIN_MS
  return {
    past: joins ? history.past : [...history.past, history.present].slice(-MAX_STEPS),
    present: next,
    future: [],
    last: key === null ? null : { key, at: now },
  }
}

export function undo<T>({ past, present, future, ...rest }: History<T>): History<T> {
  const before = past.at(-1)
  if (before === undefined) return { past, present, future, ...rest }
  return { past: past.slice(0, -1), present: before, future: [present, ...future], last: null }
}

export function redo<T>({ past, present, future, ...rest }: History<T>): History<T> {
  const [after, ...later] = future
  if (after === undefined) return { past, present, future, ...rest }
  return { past: [...past, present], present: after, future: later, last: null }
}
