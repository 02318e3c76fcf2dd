// Instants and durations as people read them. `now` is always passed in.

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

/** "just now", "12 s ago", "5 min ago", "3 h ago", "2 d ago"; "in ..." for what is to come. */
export function relativeTime(at: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000)
  if (Math.abs(seconds) < 3) return 'just now'
  const amount = coarse(Math.abs(seconds))
  return seconds > 0 ? `${amount} ago` : `in ${amount}`
}

function coarse(seconds: number): string {
  if (seconds < MINUTE_S) return `${seconds} s`
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min`
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)} h`
  return `${Math.floor(seconds / DAY_S)} d`
}

/** "830 ms", "4.2 s", "3 min 07 s", "2 h 05 min", "3 d 4 h". Negative counts as none. */
export function formatDuration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds)
  if (ms < 1000) return `${Math.floor(ms)} ms`
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  const s = Math.floor(ms / 1000)
  if (s < MINUTE_S) return `${s} s`
  if (s < HOUR_S) return `${Math.floor(s / MINUTE_S)} min ${pad(s % MINUTE_S)} s`
  if (s < DAY_S)
    return `${Math.floor(s / HOUR_S)} h ${pad(Math.floor((s % HOUR_S) / MINUTE_S))} min`
  return `${Math.floor(s / DAY_S)} d ${Math.floor((s % DAY_S) / HOUR_S)} h`
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}

/** How long something took, or has taken until `now`; null before it started. */
export function elapsedMs(
  startedAt: string | null | undefined,
  endedAt: string | null | undefined,
  now: Date,
): number | null {
  if (!startedAt) return null
  const end = endedAt ? new Date(endedAt).getTime() : now.getTime()
  return Math.max(0, end - new Date(startedAt).getTime())
}

/** The exact instant in the reader's own zone, for tooltips. */
export function exactTime(at: Date): string {
  return at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' })
}
