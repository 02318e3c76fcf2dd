import { describe, expect, it } from 'vitest'
import {
  type EventView,
  foldAll,
  foldRun,
  heldWithoutGap,
  type LiveView,
  openRun,
  type RunAction,
  type RunView,
} from './run-fold'

const AT = '2026-03-01T09:30:00.000000Z'

function run(changes: Partial<RunView> = {}): RunView {
  return {
    id: '3-run',
    workflow: 'refund',
    version: 1,
    status: 'queued',
    seq: 0,
    counter: 1,
    inputs: {},
    inputs_ref: null,
    outputs: null,
    outputs_ref: null,
    error: null,
    labels: {},
    principal: 'ana',
    idempotency_key: null,
    retry_of: null,
    patches: 0,
    document_digest: 'sha256:one',
    accepted_at: AT,
    started_at: null,
    ended_at: null,
    nodes: [{ id: 'a', type: 'http', status: 'pending' }],
    nodes_next_cursor: null,
    ...changes,
  }
}

function event(id: number, type: string, more: Partial<EventView> = {}): RunAction {
  return { kind: 'event', event: { id, run: '3-run', type, time: AT, ...more } }
}

function live(type: string, data: LiveView['data'], more: Partial<LiveView> = {}): RunAction {
  return {
    kind: 'live',
    live: { type, node: 'a', gen: 1, attempt: 1, time: AT, data, ...more },
  }
}

const ready = (id: number, attempt = 1): RunAction =>
  event(id, 'node.ready', { node: 'a', gen: 1, data: { attempt } })

describe('folding events', () => {
  it('walks a node and its run to their ends', () => {
    const state = foldAll(openRun(run()), [
      event(1, 'run.started'),
      ready(2),
      event(3, 'node.ended', {
        node: 'a',
        gen: 1,
        data: { status: 'succeeded', port: 'success', output: { n: 1 } },
      }),
      event(4, 'run.ended', { data: { status: 'succeeded', outputs: { sent: true } } }),
    ])
    expect(state.run).toMatchObject({ status: 'succeeded', outputs: { sent: true }, ended_at: AT })
    expect(state.nodes.a).toMatchObject({ status: 'succeeded', output: { n: 1 }, type: 'http' })
    expect(state.seq).toBe(4)
  })

  it('passes over an event that comes twice', () => {
    const once = foldAll(openRun(run()), [event(1, 'run.started'), ready(2)])
    expect(foldRun(once, ready(2))).toBe(once)
    expect(once.events).toHaveLength(2)
  })

  it('passes over events that the snapshot holds already', () => {
    const state = foldRun(openRun(run({ seq: 5, status: 'waiting' })), event(5, 'run.started'))
    expect(state.run.status).toBe('waiting')
  })

  it('lets a waiting run work again when a node becomes ready', () => {
    const waiting = foldAll(openRun(run()), [event(1, 'run.started'), event(2, 'run.waiting')])
    expect(waiting.run.status).toBe('waiting')
    expect(foldRun(waiting, ready(3)).run.status).toBe('running')
  })

  it('forgets error and output of a try when the next one begins', () => {
    const failed = event(2, 'node.retrying', {
      node: 'a',
      gen: 1,
      data: { attempt: 2, due_at: AT, error: { code: 'connection' } },
    })
    const retrying = foldAll(openRun(run()), [ready(1), failed])
    expect(retrying.nodes.a).toMatchObject({ status: 'retrying', attempt: 2, due_at: AT })
    const again = foldRun(retrying, ready(3, 2))
    expect(again.nodes.a).toMatchObject({ status: 'ready', attempt: 2 })
    expect(again.nodes.a?.error).toBeUndefined()
  })

  it('follows the document that a patch led to and asks for the patches again', () => {
    const patched = foldRun(
      openRun(run()),
      event(1, 'patch.applied', { data: { document: 'sha256:two' } }),
    )
    expect(patched).toMatchObject({ digest: 'sha256:two', patchChanges: 1, run: { patches: 1 } })
  })

  it('asks for approvals again when one changed', () => {
    const asked = foldRun(openRun(run()), event(1, 'approval.requested', { node: 'a' }))
    expect(asked.approvalChanges).toBe(1)
  })

  it('keeps the state of a word that it does not know', () => {
    const state = foldRun(openRun(run()), event(1, 'moon.rose', { node: 'a' }))
    expect(state.nodes.a?.status).toBe('pending')
    expect(state.seq).toBe(1)
  })
})

describe('snapshots and history', () => {
  it('puts earlier events before those that came live, once each', () => {
    const started = foldRun(openRun(run({ seq: 2 })), event(3, 'run.waiting'))
    const past = [1, 2, 3].map((id) => ({ id, run: '3-run', type: 'run.started', time: AT }))
    const state = foldRun(started, { kind: 'history', events: past })
    expect(state.events.map(({ id, type }) => [id, type])).toEqual([
      [1, 'run.started'],
      [2, 'run.started'],
      [3, 'run.waiting'],
    ])
  })

  it('leaves what is newer than the snapshot to the feed, so that it comes once', () => {
    const past = [1, 2, 3].map((id) => ({ id, run: '3-run', type: 'run.started', time: AT }))
    const state = foldAll(openRun(run({ seq: 2 })), [
      { kind: 'history', events: past },
      event(3, 'run.waiting'),
    ])
    expect(state.events.map(({ id }) => id)).toEqual([1, 2, 3])
  })

  it('goes back behind events that were taken back', () => {
    const ahead = foldAll(openRun(run()), [event(1, 'run.started'), ready(2)])
    const state = foldRun(ahead, { kind: 'snapshot', run: run({ seq: 1, status: 'running' }) })
    expect(state.seq).toBe(1)
    expect(state.nodes.a?.status).toBe('pending')
    expect(state.events.map(({ id }) => id)).toEqual([1])
  })

  it('knows what a resync left out: of a slow page only what it was not sent', () => {
    const told = (ids: number[]) => ids.map((id) => event(id, 'run.waiting'))
    const snapshot: RunAction = { kind: 'snapshot', run: run({ seq: 9 }) }
    const before = foldAll(openRun(run()), told([1, 2, 3]))
    const slow = foldAll(before, [{ kind: 'resync', reason: 'slow' }, snapshot, ...told([10])])
    expect(slow.events.map(({ id }) => id)).toEqual([1, 2, 3, 10])
    expect(heldWithoutGap(slow)).toBe(3)
    const back = foldAll(before, [{ kind: 'resync', reason: 'rollback' }, snapshot, ...told([10])])
    expect(back.events.map(({ id }) => id)).toEqual([10])
    expect(heldWithoutGap(back)).toBe(0)
    expect(heldWithoutGap(before)).toBe(3)
  })

  it('keeps what an event said of a node against an older page', () => {
    const state = foldAll(openRun(run()), [
      ready(7),
      { kind: 'nodes', seq: 5, nodes: [{ id: 'a', type: 'http', status: 'pending' }] },
      { kind: 'nodes', seq: 5, nodes: [{ id: 'b', type: 'http', status: 'skipped' }] },
    ])
    expect(state.nodes.a?.status).toBe('ready')
    expect(state.nodes.b?.status).toBe('skipped')
  })
})

describe('folding live frames', () => {
  it('shows a ready node as running once a worker began', () => {
    const state = foldAll(openRun(run()), [ready(1), live('node.started', { worker: 'w1' })])
    expect(state.nodes.a).toMatchObject({ status: 'running', worker: 'w1' })
  })

  it('does not wake a node that ended meanwhile', () => {
    const ended = event(2, 'node.ended', { node: 'a', gen: 1, data: { status: 'succeeded' } })
    const state = foldAll(openRun(run()), [ready(1), ended, live('node.started', {})])
    expect(state.nodes.a?.status).toBe('succeeded')
  })

  it('puts the pieces of a turn together and drops them at a restart', () => {
    const state = foldAll(openRun(run()), [
      live('node.delta', { turn: 1, at: 0, text: 'Hel' }),
      live('node.delta', { turn: 1, at: 3, text: 'lo' }),
      live('node.delta', { turn: 2, at: 0, text: 'wrong' }),
      live('node.delta', { turn: 2, at: 0, text: 'right', restart: true }),
      live('node.turn', { turn: 3, text: 'whole', calls: [] }),
    ])
    expect(state.live.a?.turns).toMatchObject([
      { turn: 1, text: 'Hello', finished: false },
      { turn: 2, text: 'right', finished: false },
      { turn: 3, text: 'whole', finished: true },
    ])
  })

  it('forgets the turns of an execution when the next one speaks, not the other way round', () => {
    const state = foldAll(openRun(run()), [
      live('node.delta', { turn: 1, text: 'first' }),
      live('node.delta', { turn: 1, text: 'second' }, { attempt: 2 }),
      live('node.delta', { turn: 1, text: 'late' }, { attempt: 1 }),
    ])
    expect(state.live.a).toMatchObject({ attempt: 2, turns: [{ turn: 1, text: 'second' }] })
  })
})
