import { expect, it } from 'vitest'
import type { WorkflowDocument } from '@/model/document'
import { boundsOf, directionFor, layoutRun } from './layout'

const PANE = { width: 700, height: 640 }

function flow(nodes: string[], edges: [string, string][]): WorkflowDocument {
  return {
    apiVersion: 'minuet/v1',
    name: 'flow',
    nodes: nodes.map((id) => ({ id, type: 'transform' })),
    edges: edges.map(([from, to]) => ({ from, to })),
  }
}

const CHAIN = flow(
  ['a', 'b', 'c', 'd'],
  [
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'd'],
  ],
)
const BRANCHES = Array.from({ length: 12 }, (_, index) => `n${index}`)
const FAN = flow(
  ['first', ...BRANCHES],
  BRANCHES.map((id) => ['first', id]),
)

it('draws a chain downwards in a pane that is not much wider than high', () => {
  expect(directionFor(CHAIN, PANE)).toBe('down')
  expect(directionFor(CHAIN, { width: 2_000, height: 200 })).toBe('right')
})

it('draws many branches to the right', () => {
  expect(directionFor(FAN, PANE)).toBe('right')
})

it('puts one step under the other, or beside it', () => {
  const placeOf = (direction: 'down' | 'right', id: string) =>
    layoutRun(CHAIN, direction).get(id) ?? { x: Number.NaN, y: Number.NaN }
  expect(placeOf('down', 'b').x).toBe(placeOf('down', 'a').x)
  expect(placeOf('down', 'b').y).toBeGreaterThan(placeOf('down', 'a').y)
  expect(placeOf('right', 'b').y).toBe(placeOf('right', 'a').y)
  expect(placeOf('right', 'b').x).toBeGreaterThan(placeOf('right', 'a').x)
})

it('puts a rectangle around all cards', () => {
  const places = new Map([
    ['a', { x: -20, y: 0 }],
    ['b', { x: 300, y: 120 }],
  ])
  expect(boundsOf(places)).toEqual({ x: -20, y: 0, width: 520, height: 176 })
})
