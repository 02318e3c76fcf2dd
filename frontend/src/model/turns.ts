// Turns of an agent: what a socket tells of them piece by piece, joined with what is recorded.
// Positions count characters as the server does: code points.
import type { components } from '@/api/schema'

export type TurnView = components['schemas']['TurnView']
export type ToolCall = components['schemas']['ToolCallView']

/** A turn as far as it was heard: `text` stands `at` characters after its beginning. */
export interface HeardTurn {
  turn: number
  at: number
  text: string
  /** Characters of `text`. */
  length: number
  finished: boolean
  calls: readonly ToolCall[]
}

/** A turn as it is shown. `isTorn`: something between its beginning and its end is not here yet. */
export interface Turn {
  turn: number
  text: string
  finished: boolean
  isTorn: boolean
  calls: readonly ToolCall[]
}

const TEAR = '\n…\n'
const KEPT_CHARS = 200_000

/** After a `node.delta` or `node.turn`; the latter carries the whole turn and is final. */
export function hear(turns: readonly HeardTurn[], type: string, data: object): HeardTurn[] {
  const told = data as { turn?: unknown; text?: unknown; at?: unknown; calls?: unknown }
  const turn = typeof told.turn === 'number' ? told.turn : 0
  const text = typeof told.text === 'string' ? told.text : ''
  const before = turns.find((each) => each.turn === turn)
  const after =
    type === 'node.turn'
      ? { turn, at: 0, text, length: size(text), finished: true, calls: callsOf(told.calls) }
      : withPiece(before, turn, typeof told.at === 'number' ? told.at : null, text)
  if (after === before) return [...turns]
  return [...turns.filter((each) => each !== before), after].sort((a, b) => a.turn - b.turn)
}

/** A piece goes on where the text ends, or takes the place of its end. Where one is missing the
 * text begins anew, to be joined with the record. Without a position it goes on. */
function withPiece(
  before: HeardTurn | undefined,
  turn: number,
  told: number | null,
  text: string,
): HeardTurn {
  const at = told ?? (before ? before.at + before.length : 0)
  const fresh = { turn, at, text, length: size(text), finished: false, calls: [] }
  if (before === undefined) return fresh
  if (before.finished || before.length > KEPT_CHARS) return before
  const end = before.at + before.length
  if (at < before.at || at > end) return fresh
  const kept = at === end ? before.text : first(before.text, at - before.at)
  return { ...before, text: kept + text, length: at - before.at + fresh.length }
}

/** Turns of the latest execution that is known of, oldest first. */
export function joinTurns(
  recorded: readonly TurnView[],
  heard: readonly HeardTurn[],
  heardGen: number,
): Turn[] {
  const gen = Math.max(heard.length > 0 ? heardGen : 0, ...recorded.map((each) => each.gen))
  const byTurn = new Map<number, Turn>()
  for (const { text, turn, finished, calls } of recorded.filter((each) => each.gen === gen)) {
    byTurn.set(turn, { turn, text, finished, isTorn: false, calls: calls ?? [] })
  }
  for (const each of heardGen === gen ? heard : []) {
    byTurn.set(each.turn, joined(byTurn.get(each.turn), each))
  }
  return [...byTurn.values()].sort((a, b) => a.turn - b.turn)
}

function joined(recorded: Turn | undefined, heard: HeardTurn): Turn {
  const { turn, finished, calls } = heard
  if (recorded?.finished && !isFuller(heard, recorded)) return recorded
  if (heard.at === 0) return { turn, text: heard.text, finished, isTorn: false, calls }
  const known = recorded?.text ?? ''
  const length = size(known)
  if (heard.at + heard.length <= length && recorded) return recorded
  const isTorn = heard.at > length
  const begun = isTorn ? `${known}${TEAR}` : first(known, heard.at)
  return { turn, text: begun + heard.text, finished, isTorn, calls }
}

/** A finished turn is told again once its calls have results. */
function isFuller(heard: HeardTurn, recorded: Turn): boolean {
  return heard.finished && answered(heard.calls) > answered(recorded.calls)
}

const answered = (calls: readonly ToolCall[]): number =>
  calls.filter(({ result }) => typeof result === 'string').length

function callsOf(value: unknown): ToolCall[] {
  if (!Array.isArray(value)) return []
  return value.map((each: Partial<ToolCall>) => ({
    name: String(each.name ?? ''),
    arguments: String(each.arguments ?? ''),
    result: typeof each.result === 'string' ? each.result : null,
    is_error: each.is_error === true,
  }))
}

const isSimple = (text: string): boolean => !/[\ud800-\udbff]/.test(text)

function size(text: string): number {
  return isSimple(text) ? text.length : [...text].length
}

function first(text: string, count: number): string {
  return isSimple(text) ? text.slice(0, count) : [...text].slice(0, count).join('')
}
