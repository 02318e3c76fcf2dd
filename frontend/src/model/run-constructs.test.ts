import { describe, expect, it } from 'vitest'
import { loopsOf } from './loops'
import { executionsOf } from './run-executions'
import { type EventView, foldAll, foldRun, openRun, type RunState, type RunView } from './run-fold'
import { itemsOf } from './run-items'
import { roundsOf, standing } from './run-rounds'

const AT = '2026-03-01T09:30:00Z'
const LOOP = { while: 'true', max_iterations: 9 }
const DOCUMENT = {
  apiVersion: 'minuet/v1',
  name: 'loops',
  nodes: ['a', 'b', 'c', 'd'].map((id) => ({ id, type: 'transform' })),
  edges: [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'c' },
    { from: 'c', to: 'd' },
    { from: 'b', to: 'b', loop: LOOP },
    { from: 'c', to: 'a', loop: LOOP },
  ],
}
const LOOPS = loopsOf(DOCUMENT)
const FIRST = {
  id: 'r',
  seq: 0,
  status: 'running',
  nodes: DOCUMENT.nodes.map((node) => ({ ...node, status: 'pending' })),
  nodes_next_cursor: null,
} as unknown as RunView

type Line = [type: string, node: string | null, data?: Record<string, unknown>, gen?: number]

function history(lines: readonly Line[]): EventView[] {
  return lines.map(([type, node, data = {}, gen = 1], index) => {
    const event = { id: index + 1, run: 'r', type, time: AT, data }
    return node === null ? event : { ...event, node, gen }
  })
}

/** Folded as the events of a feed, and once more as a history that is loaded afterwards. */
function folded(lines: readonly Line[]): RunState {
  const events = history(lines)
  const told = events.map((event) => ({ kind: 'event', event }) as const)
  const live = foldAll(openRun(FIRST), told)
  const snapshot = { ...live.run, seq: events.length, nodes: Object.values(live.nodes) }
  const late = foldAll(openRun(snapshot), [
    { kind: 'history', events: events.slice(4) },
    { kind: 'history', events: events.slice(0, 4) },
  ])
  expect(late.tally).toEqual(live.tally)
  expect(standing(late, LOOPS)).toEqual(standing(live, LOOPS))
  return live
}

const done = (node: string, gen: number, more = {}): Line => [
  'node.ended',
  node,
  { status: 'succeeded', port: 'success', output: `${node}${gen}`, ...more },
  gen,
]
const TWICE: Line[] = [
  done('a', 1),
  done('b', 1, { loop: 1 }),
  done('b', 2),
  done('c', 1, { loop: 1 }),
]
const statuses = (state: RunState): string[] =>
  Object.values(standing(state, LOOPS)).map(({ status }) => status)
const rounds = (state: RunState, node: string): number[] =>
  roundsOf(LOOPS, state.tally.rounds, node)

describe('a loop that goes round', () => {
  it('makes its body pending again, and nothing else', () => {
    expect(statuses(folded(TWICE.slice(0, 2)))).toEqual([
      'succeeded',
      'pending',
      'pending',
      'pending',
    ])
    expect(statuses(folded(TWICE))).toEqual(['pending', 'pending', 'pending', 'pending'])
    const again = folded([...TWICE, done('a', 2)])
    expect(statuses(again)).toEqual(['succeeded', 'pending', 'pending', 'pending'])
    const over = [done('a', 2), done('b', 3), done('c', 2), done('d', 1)]
    expect(statuses(folded([...TWICE, ...over]))).toEqual(Array(4).fill('succeeded'))
  })

  it('counts rounds, those inside from the start with every round outside', () => {
    expect(rounds(folded(TWICE.slice(0, 2)), 'b')).toEqual([1, 2])
    expect(rounds(folded(TWICE), 'b')).toEqual([2, 1])
    expect(rounds(folded(TWICE), 'd')).toEqual([])
  })

  it('leaves every execution to be looked at', () => {
    const events = history([...TWICE, done('a', 2), done('b', 3)])
    const all = executionsOf(events, 'b', 'transform', LOOPS)
    expect(all.map((each) => [each.rounds, each.node.output])).toEqual([
      [[1, 1], 'b1'],
      [[1, 2], 'b2'],
      [[2, 1], 'b3'],
    ])
  })

  it('measures every round by itself', () => {
    const lines: Line[] = [
      ['node.waiting', 'a', { attempt: 1 }],
      done('a', 1, { loop: 1 }),
      ['node.waiting', 'a', { attempt: 1 }, 2],
    ]
    const events = history(lines).map((event, index) => ({
      ...event,
      time: `2026-03-01T09:3${index}:00Z`,
    }))
    const state = foldAll(
      openRun(FIRST),
      events.map((event) => ({ kind: 'event', event })),
    )
    expect(state.nodes.a).toMatchObject({ gen: 2, started_at: '2026-03-01T09:32:00Z' })
    expect(state.nodes.a).not.toHaveProperty('output')
  })

  it('keeps what did not change the same object', () => {
    const before = folded(TWICE)
    const after = foldRun(before, {
      kind: 'event',
      event: { id: 5, run: 'r', type: 'run.waiting', time: AT },
    })
    expect(standing(after, LOOPS).b).toBe(standing(before, LOOPS).b)
    expect(standing(after, [])).toBe(after.nodes)
  })
})

describe('orders', () => {
  it('hold the run and let it go on', () => {
    const paused = folded([['run.paused', null, { number: 1, by: 'ana', reason: 'lunch' }]])
    expect(paused.run.status).toBe('paused')
    expect(paused.tally.control).toMatchObject({ by: 'ana', reason: 'lunch' })
    const resumed = folded([
      ['run.paused', null, { number: 1, by: 'ana' }],
      ['run.resumed', null, { number: 2, by: 'ana' }],
    ])
    expect(resumed.run.status).toBe('running')
    expect(resumed.tally.control).toBeNull()
  })

  it('let workers go before the run is cancelled, and undo before it has failed', () => {
    const stopping = folded([
      ['node.ready', 'a', { attempt: 1 }],
      ['run.cancelling', null, { status: 'cancelled', error: {} }],
    ])
    expect(stopping.run.status).toBe('cancelling')
    expect(standing(stopping, []).a?.status).toBe('cancelling')
    const undoing = folded([
      ['run.compensating', null, { status: 'failed', error: { message: 'no' } }],
    ])
    expect(undoing.run.status).toBe('compensating')
    expect(undoing.tally.control).toMatchObject({ status: 'failed', error: { message: 'no' } })
  })
})

it('remembers what a condition held back and what was taken over', () => {
  const state = folded([
    ['node.ended', 'a', { status: 'skipped', guard: false }],
    done('b', 1, { reused: true }),
    ['node.ended', 'c', { status: 'skipped' }],
  ])
  expect(state.tally.told.a).toMatchObject({ held: true, reused: false })
  expect(state.tally.told.b).toMatchObject({ held: false, reused: true })
  expect(state.tally.told.c).toMatchObject({ held: false })
})

it('counts the items of a map, anew in every execution', () => {
  const lines: Line[] = [
    ['node.waiting', 'a', { attempt: 1, children: 5 }],
    ['node.spawned', 'a', { first: 0, last: 3 }],
    ['node.item', 'a', { item: 2, run: 'r2', output: 1 }],
    ['node.item', 'a', { item: 0, run: 'r0', error: { message: 'no' } }],
  ]
  const state = folded(lines)
  expect(state.tally.children.a).toEqual({
    gen: 1,
    count: 5,
    spawned: 4,
    done: 1,
    failed: 1,
    child: null,
  })
  expect(itemsOf(state.events).get('r2')).toEqual({ node: 'a', item: 2 })
  const again = folded([...lines, ['node.waiting', 'a', { children: 1, child: 'c' }, 2]])
  expect(again.tally.children.a).toMatchObject({ gen: 2, count: 1, done: 0, child: 'c' })
})
