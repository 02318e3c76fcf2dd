import { expect, it } from 'vitest'
import type { WorkflowDocument } from '@/model/document'
import { NO_TALLY } from '@/model/run-tally'
import { cardsOf, edgesOf, keptAlike } from './elements'

const document: WorkflowDocument = {
  apiVersion: 'minuet/v1',
  name: 'two',
  nodes: [
    { id: 'a', type: 'http' },
    { id: 'b', type: 'http' },
  ],
  edges: [{ from: 'a', to: 'b' }],
}
const places = new Map([
  ['a', { x: 0, y: 0 }],
  ['b', { x: 300, y: 0 }],
])

function drawn(status: string) {
  const nodes = {
    a: { id: 'a', type: 'http', status, port: 'success', ended_at: '2026-03-01T09:30:00Z' },
    b: quiet,
  }
  const marks = new Map()
  const shared = {
    document,
    places,
    direction: 'right',
    nodes,
    tally: NO_TALLY,
    loops: [],
  } as const
  return {
    cards: cardsOf({ ...shared, marks, selected: null }),
    edges: edgesOf(shared),
  }
}
const quiet = { id: 'b', type: 'http', status: 'pending' }

it('keeps the objects of what did not change, so that nothing else is drawn again', () => {
  const [before, after] = [drawn('succeeded'), drawn('failed')]
  const [a, b] = keptAlike(before.cards, after.cards)
  expect(a).toBe(after.cards[0])
  expect(b).toBe(before.cards[1])
  expect(keptAlike(before.edges, after.edges)[0]).toBe(before.edges[0])
  expect(keptAlike(before.cards, [])).toEqual([])
})

it('draws what moved or was chosen again', () => {
  const { cards } = drawn('succeeded')
  const moved = cards.map((card) => ({ ...card, position: { x: 5, y: 5 } }))
  expect(keptAlike(cards, moved)).toEqual(moved)
  const chosen = cards.map((card) => ({ ...card, selected: true }))
  expect(keptAlike(cards, chosen)[0]).toBe(chosen[0])
})

it('tells the canvas how large cards are and where lines end, so that it need not measure', () => {
  for (const { measured, handles, width, height } of drawn('running').cards) {
    expect(measured).toEqual({ width, height })
    expect(handles?.map(({ type }) => type)).toEqual(['target', 'source'])
  }
})
