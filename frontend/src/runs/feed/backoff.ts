// How long to wait before the next connection, from how the last one ended (docs/live.md).

const FIRST_MS = 500
const LONGEST_MS = 15_000
const SERVER_AWAY_MS = 1_000

/** Close codes after which there is nothing to come back for. */
const FINAL = new Set([4400, 4404])

export function isFinal(code: number): boolean {
  return FINAL.has(code)
}

/** `failures` counts connections in a row that brought nothing; `jitter` is from [0, 1). */
export function pauseMs(code: number, failures: number, jitter: number): number {
  if (failures === 0 && (code === 1001 || code === 4401 || code === 4408)) return 0
  if (failures === 0 && code === 1013) return SERVER_AWAY_MS
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures)
  return Math.round(longest * (0.5 + jitter / 2))
}
