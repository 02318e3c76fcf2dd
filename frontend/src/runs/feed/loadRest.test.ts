import { describe, expect, it, vi } from 'vitest'
import { foldAll, openRun, type RunState, type RunView } from '@/model/run-fold'
import { loadRest, type RestPorts } from './loadRest'

const AT = '2026-03-01T09:30:00Z'
const at = (id: number) => ({ id, run: 'r', type: 'run.waiting', time: AT })
const ids = (state: RunState) => state.events.map(({ id }) => id)

function opened(seq: number, cursor: string | null = null): RunState {
  return openRun({ id: 'r', seq, nodes: [], nodes_next_cursor: cursor } as unknown as RunView)
}

/** Loads into `state`; the server holds events up to `last`, four a page. */
function setUp(state: RunState, last: number, changes: Partial<RestPorts> = {}) {
  const held = { state }
  const asked: number[] = []
  const folds: number[] = []
  const clock = { now: 0 }
  const ports: RestPorts = {
    nodes: async () => ({ items: [], seq: last }),
    events: async (after) => {
      asked.push(after)
      const items = [1, 2, 3, 4].map((n) => at(after + n)).filter(({ id }) => id <= last)
      return { items, after: after + items.length }
    },
    isPassing: () => true,
    report: vi.fn(),
    pause: async () => {},
    now: () => clock.now,
    ...changes,
  }
  const stop = new AbortController()
  const load = () =>
    loadRest(
      () => held.state,
      (actions) => {
        folds.push(actions.length)
        held.state = foldAll(held.state, actions)
      },
      ports,
      stop.signal,
    )
  return { held, asked, folds, clock, ports, load, stop }
}

describe('loading what a snapshot leaves out', () => {
  it('fills what a slow page was not sent, from there on', async () => {
    const before = foldAll(opened(0), [{ kind: 'event', event: at(1) }])
    const snapshot = { ...opened(9).run }
    const after = foldAll(before, [
      { kind: 'resync', reason: 'slow' },
      { kind: 'snapshot', run: snapshot },
      { kind: 'event', event: at(10) },
    ])
    const { held, asked, load } = setUp(after, 10)
    await load()
    expect(ids(held.state)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(asked).toEqual([1, 5, 9])
  })

  it('goes on where it was when the server is away for a while', async () => {
    let failures = 2
    const working = setUp(opened(6), 6).ports.events
    const { held, load } = setUp(opened(6), 6, {
      events: async (after, signal) => {
        if (after > 0 && failures-- > 0) throw new Error('away')
        return working(after, signal)
      },
    })
    await load()
    expect(ids(held.state)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('shows the first page at once, and what follows in ever larger parts', async () => {
    const setup = setUp(opened(60), 60)
    const { events } = setup.ports
    setup.ports.events = async (after, signal) => {
      setup.clock.now += 400
      return events(after, signal)
    }
    await setup.load()
    expect(ids(setup.held.state)).toHaveLength(60)
    expect(setup.folds).toEqual([1, 3, 5, 6])
  })

  it('keeps what it gathered when a later page fails', async () => {
    let failures = 1
    const setup = setUp(opened(12), 12)
    const { events } = setup.ports
    setup.ports.events = async (after, signal) => {
      if (after === 8 && failures-- > 0) throw new Error('away')
      return events(after, signal)
    }
    await setup.load()
    expect(ids(setup.held.state)).toHaveLength(12)
    expect(setup.asked).toEqual([0, 4, 8])
  })

  it('gives up and says so when another try cannot help', async () => {
    const error = new Error('gone')
    const { ports, load } = setUp(opened(6), 6, {
      isPassing: () => false,
      events: () => Promise.reject(error),
    })
    await load()
    expect(ports.report).toHaveBeenCalledWith(error)
  })

  it('brings nothing more once a newer snapshot replaced it', async () => {
    const setup = setUp(opened(6, 'two'), 6, {
      nodes: async () => {
        setup.stop.abort()
        return { items: [{ id: 'old', type: 'http', status: 'ready' }], seq: 1 }
      },
    })
    await setup.load()
    expect(setup.held.state.nodes).toEqual({})
    expect(setup.asked).toEqual([])
  })
})
