import { describe, expect, it } from 'vitest'
import { type HeardTurn, hear, joinTurns, type TurnView } from './turns'

const piece = (at: number, text: string, turn = 1) => ['node.delta', { turn, at, text }] as const
const whole = (text: string, calls: object[] = [], turn = 1) =>
  ['node.turn', { turn, text, calls }] as const

function heard(...told: (readonly [string, object])[]): HeardTurn[] {
  return told.reduce<HeardTurn[]>((turns, [type, data]) => hear(turns, type, data), [])
}

function recorded(text: string, more: Partial<TurnView> = {}): TurnView {
  const at = '2026-03-01T09:30:00Z'
  return { gen: 1, turn: 1, attempt: 1, time: at, text, finished: false, calls: [], ...more }
}

const texts = (view: TurnView[], turns: HeardTurn[], gen = 1) =>
  joinTurns(view, turns, gen).map(({ text }) => text)

describe('hearing a turn', () => {
  it('joins pieces, once each, and begins anew where the model does', () => {
    expect(heard(piece(0, 'Hel'), piece(3, 'lo'), piece(3, 'lo'))[0]).toMatchObject({
      at: 0,
      text: 'Hello',
    })
    expect(heard(piece(0, 'wrong'), piece(0, 'right'))[0]?.text).toBe('right')
  })

  it('counts characters as the server does', () => {
    expect(heard(piece(0, '😀é'), piece(2, '!'), piece(1, 'e'))[0]?.text).toBe('😀e')
  })

  it('takes the whole turn in place of its pieces, for good', () => {
    const call = { name: 'sort', arguments: '{}' }
    const [turn] = heard(piece(0, 'so f'), whole('so far', [call]), piece(0, 'late'))
    expect(turn).toMatchObject({ text: 'so far', finished: true })
    expect(turn?.calls).toEqual([{ ...call, result: null, is_error: false }])
  })
})

describe('joining what is recorded with what is heard', () => {
  it('goes on where the record ends, wherever the two overlap', () => {
    for (const known of ['one ', 'one tw', 'one two']) {
      expect(texts([recorded(known)], heard(piece(4, 'two'), piece(7, ' three')))).toEqual([
        'one two three',
      ])
    }
  })

  it('says that something is missing until the record has it', () => {
    const turns = heard(piece(8, 'three'))
    expect(joinTurns([recorded('one')], turns, 1)[0]).toMatchObject({
      text: 'one\n…\nthree',
      isTorn: true,
    })
    expect(joinTurns([recorded('one two ')], turns, 1)[0]).toMatchObject({
      text: 'one two three',
      isTorn: false,
    })
  })

  it('prefers what is finished, and results to none', () => {
    const call = { name: 'sort', arguments: '{}', result: null, is_error: false }
    const done = { ...call, result: '[]' }
    const fresh = joinTurns(
      [recorded('x', { finished: true, calls: [call] })],
      heard(whole('x', [done])),
      1,
    )
    expect(fresh[0]?.calls).toEqual([done])
    const stale = joinTurns(
      [recorded('whole', { finished: true, calls: [done] })],
      heard(piece(0, 'who')),
      1,
    )
    expect(stale[0]).toMatchObject({ text: 'whole', finished: true, calls: [done] })
  })

  it('shows the latest execution, recorded or heard', () => {
    const old = recorded('of the first pass')
    expect(texts([old], heard(piece(0, 'second')), 2)).toEqual(['second'])
    expect(texts([old, recorded('third', { gen: 3 })], heard(piece(0, 'second')), 2)).toEqual([
      'third',
    ])
    expect(texts([old], [], 0)).toEqual(['of the first pass'])
  })
})
