// The payload of an approval while somebody edits it.

export interface Draft {
  /** The value as it is now; meaningless while `fault` is true. */
  value: unknown
  /** The same as text, as it was typed. */
  written: string
  fault: boolean
}

export function draftOf(payload: unknown): Draft {
  return { value: payload, written: JSON.stringify(payload, null, 2) ?? '', fault: false }
}

export function typed(written: string): Draft {
  try {
    return { value: JSON.parse(written), written, fault: false }
  } catch {
    return { value: undefined, written, fault: true }
  }
}

/** Equal as JSON: the order of keys does not matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) &&
      sameJson((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}

/** How much of the time to answer is over, from 0 to 1; null without an end. */
export function timeUsed(requestedAt: string, expiresAt: string | null, now: Date): number | null {
  if (expiresAt === null) return null
  const start = Date.parse(requestedAt)
  const whole = Date.parse(expiresAt) - start
  if (whole <= 0) return 1
  return Math.min(1, Math.max(0, (now.getTime() - start) / whole))
}
