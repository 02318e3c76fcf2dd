import { describe, expect, it } from 'vitest'
import { type Cell, columnPlaces } from './columns'
import type { Place, WorkflowDocument } from './document'

const CELL: Cell = { width: 240, rankGap: 100, wrapGap: 40, rowGap: 56 }
const HEIGHT = 64

function flow(layers: number[]): WorkflowDocument {
  const ids = layers.map((count, at) => Array.from({ length: count }, (_, n) => `${at}_${n}`))
  return {
    apiVersion: 'minuet/v1',
    name: 'flow',
    nodes: ids.flat().map((id) => ({ id, type: 'transform' })),
    edges: ids.slice(1).flatMap((layer, at) => {
      const before = ids[at] as string[]
      return Array.from({ length: Math.max(layer.length, before.length) }, (_, n) => ({
        from: before[n % before.length] as string,
        to: layer[n % layer.length] as string,
      }))
    }),
  }
}

function drawn(document: WorkflowDocument): Map<string, Place> {
  return columnPlaces(document, new Map(document.nodes.map(({ id }) => [id, HEIGHT])), CELL)
}

function spanOf(places: Map<string, Place>, layer: number) {
  const own = [...places].filter(([id]) => id.startsWith(`${layer}_`)).map(([, place]) => place)
  const [xs, ys] = [own.map(({ x }) => x), own.map(({ y }) => y)]
  return {
    left: Math.min(...xs),
    right: Math.max(...xs) + CELL.width,
    middle: (Math.min(...ys) + Math.max(...ys) + HEIGHT) / 2,
    height: Math.max(...ys) + HEIGHT - Math.min(...ys),
    columns: new Set(xs).size,
  }
}

describe('columns', () => {
  it.each([
    ['joins', [165, 664, 1, 1, 165, 1, 1, 1, 1]],
    ['one join of all', [999, 1]],
    ['ten thousand', [1665, 6664, 1, 1, 1665, 1, 1, 1, 1]],
  ])('draw layers of hundreds about as wide as high: %s', (_, layers) => {
    const places = drawn(flow(layers))
    const spans = layers.map((_, at) => spanOf(places, at))
    const width = Math.max(...spans.map(({ right }) => right))
    const height = Math.max(...spans.map((span) => span.height))
    expect(width / height).toBeGreaterThan(0.9)
    expect(width / height).toBeLessThan(1.5)
    expect(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(places.size)
  })

  it('keep every layer right of the one before, around one line', () => {
    const layers = [165, 664, 1, 165]
    const places = drawn(flow(layers))
    const spans = layers.map((_, at) => spanOf(places, at))
    spans.slice(1).forEach(({ left, middle }, at) => {
      expect(left - (spans[at]?.right ?? 0)).toBe(CELL.rankGap)
      expect(middle).toBeCloseTo(spans[at]?.middle ?? 0)
    })
  })

  it('are one for each layer where the flow is long', () => {
    const layers = Array.from({ length: 100 }, () => 10)
    const places = drawn(flow(layers))
    expect(layers.map((_, at) => spanOf(places, at).columns)).toEqual(layers.map(() => 1))
  })
})
