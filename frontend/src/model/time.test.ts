import { describe, expect, it } from 'vitest'
import { elapsedMs, formatDuration, relativeTime } from './time'

const NOW = new Date('2026-11-21T12:00:00Z')

describe('time', () => {
  it.each([
    [0, '0 ms'],
    [999.6, '999 ms'],
    [9_999, '9.9 s'],
    [59_999, '59 s'],
    [60_000, '1 min 00 s'],
    [3_600_000 * 2 + 65_000, '2 h 01 min'],
    [86_400_000 * 3, '3 d 0 h'],
    [-5, '0 ms'],
  ])('%d ms is %s', (ms, words) => {
    expect(formatDuration(ms)).toBe(words)
  })

  it.each([
    ['2026-11-21T11:59:58Z', 'just now'],
    ['2026-11-21T11:59:20Z', '40 s ago'],
    ['2026-11-21T09:00:00Z', '3 h ago'],
    ['2026-11-23T12:00:00Z', 'in 2 d'],
  ])('%s is %s', (at, words) => {
    expect(relativeTime(new Date(at), NOW)).toBe(words)
  })

  it('runs until now and stops at the end', () => {
    expect(elapsedMs(null, null, NOW)).toBeNull()
    expect(elapsedMs('2026-11-21T11:59:00Z', null, NOW)).toBe(60_000)
    expect(elapsedMs('2026-11-21T11:59:00Z', '2026-11-21T11:59:01Z', NOW)).toBe(1_000)
    expect(elapsedMs('2026-11-21T12:00:09Z', null, NOW)).toBe(0)
  })
})
