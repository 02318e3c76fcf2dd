import { describe, expect, it } from 'vitest'
import type { ApprovalLine } from '@/api/types'
import { sameJson, timeUsed, typed } from './proposal'
import { bannerOf } from './run-banner'
import type { EventView, NodeView } from './run-fold'
import { attemptsOf, detailOfEvent, messageNames, stateOfEvent } from './run-history'
import { type PatchView, patchMarks, shownStatus } from './run-overlay'

const AT = '2026-03-01T09:30:00Z'

function event(id: number, type: string, data: Record<string, unknown>): EventView {
  return { id, run: 'r', type, time: AT, node: 'a', gen: 1, data }
}

describe('attemptsOf', () => {
  it('has a row for every try with its own error', () => {
    const rows = attemptsOf(
      [
        event(1, 'node.ready', { attempt: 1 }),
        event(2, 'node.retrying', { attempt: 2, error: { code: 'timeout' } }),
        event(3, 'node.ready', { attempt: 2 }),
        event(4, 'node.ended', { status: 'succeeded', worker: 'w' }),
      ],
      'a',
    )
    expect(rows.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 'timed_out'],
      [2, 'succeeded'],
    ])
  })

  it('counts a node that needs no worker as tried once, a skipped one not at all', () => {
    expect(attemptsOf([event(1, 'node.ended', { status: 'succeeded' })], 'a')).toHaveLength(1)
    expect(attemptsOf([event(1, 'node.ended', { status: 'skipped' })], 'a')).toHaveLength(0)
  })
})

it('says the message of an error and the port of an end', () => {
  const ended = event(1, 'node.ended', { port: 'error', error: { message: 'no route' } })
  expect(detailOfEvent(ended)).toBe('no route · on error')
})

it('tells messages, rounds, conditions and items in words', () => {
  const received = event(1, 'message.received', { number: 4, name: 'paid', by: 'ana', data: {} })
  const taken = event(2, 'message.taken', { number: 4 })
  const words = [
    received,
    taken,
    event(3, 'node.ended', { status: 'succeeded', port: 'success', loop: 2 }),
    event(4, 'node.ended', { status: 'skipped', guard: false }),
    event(5, 'node.spawned', { first: 0, last: 99 }),
    event(6, 'node.item', { item: 7, run: 'r', error: { message: 'no route' } }),
  ].map((each) => detailOfEvent(each, messageNames([received, taken])))
  expect(words).toEqual([
    'the message “paid” came from ana',
    'took the message “paid”',
    'round 3 begins',
    'held back by its condition',
    'items 0 to 99 began',
    'item 7 failed · no route',
  ])
  expect(stateOfEvent(event(7, 'run.paused', { by: 'ana' }))).toBe('paused')
})

describe('patchMarks', () => {
  const patch = (seq: number, status: string, changes: PatchView['changes']): PatchView =>
    ({ seq, status, changes }) as PatchView

  it('marks what applied patches added and changed, not what refused ones wanted', () => {
    const marks = patchMarks([
      patch(9, 'applied', { nodes_changed: ['new', 'old'] }),
      patch(5, 'applied', { nodes_added: ['new', 'gone'] }),
      patch(12, 'applied', { nodes_removed: ['gone'] }),
      patch(13, 'refused', { nodes_added: ['never'] }),
    ])
    expect([...marks]).toEqual([
      ['new', 'added'],
      ['old', 'changed'],
    ])
  })
})

it('shows a waiting question as one that needs somebody', () => {
  const node: NodeView = { id: 'a', type: 'hitl', status: 'waiting' }
  expect(shownStatus(node, 'hitl')).toBe('needs_you')
  expect(shownStatus(node, 'wait')).toBe('waiting')
  expect(shownStatus(undefined, 'http')).toBe('pending')
})

describe('bannerOf', () => {
  const known = {
    status: 'running',
    control: null,
    error: null,
    nodes: [{ id: 'a', type: '', status: 'ready' }],
    typeOf: () => 'gpu',
    approvals: [] as ApprovalLine[],
    workerTypes: new Set(['http']),
    inlineTypes: new Set<string>(),
  }
  const approval = (id: string, may_decide: boolean) => ({ id, may_decide }) as ApprovalLine

  it('puts the question that the reader may answer first', () => {
    const approvals = [approval('theirs', false), approval('mine', true)]
    expect(bannerOf({ ...known, approvals })).toMatchObject({
      kind: 'asks',
      approval: { id: 'mine' },
      others: 1,
    })
  })

  it('names types that no living worker takes, once workers are known', () => {
    expect(bannerOf(known)).toEqual({ kind: 'no-worker', types: ['gpu'] })
    expect(bannerOf({ ...known, workerTypes: null })).toBeNull()
    expect(bannerOf({ ...known, inlineTypes: new Set(['gpu']) })).toBeNull()
  })

  it('says first what holds the run', () => {
    const control = { type: 'run.paused', by: 'ana', reason: 'lunch', status: '', error: null }
    const held = { ...known, status: 'paused', control, approvals: [approval('mine', true)] }
    expect(bannerOf(held)).toEqual({ kind: 'held', status: 'paused', control })
    expect(bannerOf({ ...held, status: 'cancelling', control: null })).toMatchObject({
      kind: 'held',
      status: 'cancelling',
    })
  })

  it('says where a run failed', () => {
    const error = { code: 'connection', message: 'no route', node: 'a' }
    expect(bannerOf({ ...known, nodes: [], error })).toEqual({
      kind: 'failed',
      message: 'no route',
      node: 'a',
    })
  })
})

describe('proposals', () => {
  it('compares as JSON', () => {
    expect(sameJson({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true)
    expect(sameJson({ a: 1 }, { a: 1, b: undefined })).toBe(false)
    expect(sameJson([], {})).toBe(false)
  })

  it('keeps text that is no JSON as it was typed', () => {
    expect(typed('{"a": ')).toEqual({ value: undefined, written: '{"a": ', fault: true })
  })

  it('tells how much of the time is over', () => {
    const end = '2026-03-01T10:30:00Z'
    expect(timeUsed(AT, end, new Date('2026-03-01T09:45:00Z'))).toBe(0.25)
    expect(timeUsed(AT, null, new Date(AT))).toBeNull()
  })
})
