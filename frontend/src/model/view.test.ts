import { expect, it } from 'vitest'
import { LEAST_ZOOM, viewOf } from './view'

const PANE = { width: 800, height: 600 }
const MARGINS = { side: 20, top: 10, bottom: 50 }

it('shows all of a flow, in the middle of what is free', () => {
  const { x, y, zoom } = viewOf({ x: -100, y: 50, width: 1520, height: 400 }, PANE, MARGINS)
  expect(zoom).toBe(0.5)
  expect(-100 * zoom + x).toBe(20)
  expect(50 * zoom + y).toBe(10 + (540 - 200) / 2)
})

it('is no larger than life', () => {
  expect(viewOf({ x: 0, y: 0, width: 240, height: 64 }, PANE, MARGINS).zoom).toBe(1)
})

it('begins where the flow begins if all of it would be too small', () => {
  const bounds = { x: 40, y: 0, width: 34_000, height: 80_000 }
  const { x, y, zoom } = viewOf(bounds, PANE, MARGINS)
  expect(zoom).toBe(LEAST_ZOOM)
  expect(40 * zoom + x).toBeCloseTo(20)
  expect(40_000 * zoom + y).toBeCloseTo(10 + 540 / 2)
})
