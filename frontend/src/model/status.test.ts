import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { COUNTER_COLOUR, hasEnded, PATCHED_COLOUR, STATUS_LOOKS, statusLook } from './status'

const STYLES = readFileSync('src/app/styles.css', 'utf8')

function values(token: string): [string, string] {
  const found = new RegExp(`${token}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(STYLES)
  if (!found?.[1] || !found[2]) throw new Error(`styles.css lacks ${token}`)
  return [found[1], found[2]]
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(left: string, right: string): number {
  const [high = 0, low = 0] = [luminance(left), luminance(right)].sort((a, b) => b - a)
  return (high + 0.05) / (low + 0.05)
}

const colours = [
  ...new Set([
    ...Object.values(STATUS_LOOKS).map((look) => look.colour),
    statusLook('?').colour,
    PATCHED_COLOUR,
    COUNTER_COLOUR,
  ]),
]

describe('the palette of states', () => {
  it.each(colours)('%s can be read on every ground, light and dark', (colour) => {
    const [light, dark] = values(colour.slice(4, -1))
    for (const ground of ['--background', '--surface']) {
      const [onLight, onDark] = values(ground)
      expect(contrast(light, onLight)).toBeGreaterThanOrEqual(4.5)
      expect(contrast(dark, onDark)).toBeGreaterThanOrEqual(4.5)
    }
  })

  it('tells states of one colour apart by icon or shape', () => {
    const drawn = ['running', 'retrying', 'failed', 'timed_out', 'skipped', 'cancelled', 'paused']
      .map(statusLook)
      .map(({ icon, shape }) => `${icon} ${shape}`)
    expect(new Set(drawn).size).toBe(drawn.length)
  })

  it('gives amber to nothing but questions to people', () => {
    const amber = STATUS_LOOKS.needs_you.colour
    const users = Object.entries(STATUS_LOOKS).filter(([, look]) => look.colour === amber)
    expect(users.map(([word]) => word)).toEqual(['needs_you'])
  })

  it.each(['brand_new', '__proto__', 'toString', ''])(
    'shows the unknown state %j as itself',
    (word) => {
      expect(statusLook(word)).toMatchObject({ label: word, icon: 'question', ended: false })
    },
  )

  it('knows which states are final', () => {
    expect(['succeeded', 'failed', 'cancelled', 'timed_out'].every(hasEnded)).toBe(true)
    expect(['running', 'waiting', 'paused', 'cancelling'].some(hasEnded)).toBe(false)
  })
})
