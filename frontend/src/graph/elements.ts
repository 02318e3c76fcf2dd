// The document and the state of a run as what the canvas draws.
import { type Edge, type Node, type NodeHandle, Position } from '@xyflow/react'
import { undoneBy } from '@/model/compensation'
import type { DocumentEdge, Place, WorkflowDocument } from '@/model/document'
import { type Loop, loopsAround } from '@/model/loops'
import { defaultPort, portOf } from '@/model/ports'
import type { NodeView } from '@/model/run-fold'
import { type PatchMark, shownStatus } from '@/model/run-overlay'
import { roundsOf } from '@/model/run-rounds'
import type { Children, Tally, Told } from '@/model/run-tally'
import type { Box } from '@/model/undoPath'
import { text } from '@/text'
import { CARD_HEIGHT, CARD_WIDTH, type Direction } from './layout'

export type CardData = {
  id: string
  title: string
  /** Whether `title` was written by a person, or is the id. */
  isTitled: boolean
  type: string
  status: string
  node: NodeView | undefined
  mark: PatchMark | undefined
  /** Of the loops around it, `2.3`; empty outside of loops and before the first turn. */
  round: string
  told: Told | undefined
  children: Children | undefined
  /** Title of the node that this one undoes. */
  undoes: string | null
  isSelected: boolean
}
export type CardNode = Node<CardData, 'card'>

export interface Drawn {
  document: WorkflowDocument
  places: ReadonlyMap<string, Place>
  direction: Direction
  nodes: Readonly<Record<string, NodeView>>
  marks: ReadonlyMap<string, PatchMark>
  tally: Tally
  loops: readonly Loop[]
  selected: string | null
}

const SIDES = {
  right: { targetPosition: Position.Left, sourcePosition: Position.Right },
  down: { targetPosition: Position.Top, sourcePosition: Position.Bottom },
}

const SIZE = { width: CARD_WIDTH, height: CARD_HEIGHT }
/** The canvas is told where lines end: otherwise it draws and measures every card to find out, and
 * again whenever one changes. */
const ENDS: Record<Direction, NodeHandle[]> = {
  right: [
    endAt('target', Position.Left, 0, CARD_HEIGHT / 2),
    endAt('source', Position.Right, CARD_WIDTH, CARD_HEIGHT / 2),
  ],
  down: [
    endAt('target', Position.Top, CARD_WIDTH / 2, 0),
    endAt('source', Position.Bottom, CARD_WIDTH / 2, CARD_HEIGHT),
  ],
}

function endAt(type: 'source' | 'target', position: Position, x: number, y: number): NodeHandle {
  return { type, position, x, y, width: 1, height: 1 }
}

/** By the side on which lines leave. */
export const endsOf = (source: Position | undefined): NodeHandle[] =>
  source === Position.Bottom ? ENDS.down : ENDS.right

export function cardsOf(drawn: Drawn): CardNode[] {
  const { document, places, direction, nodes, marks, selected, tally, loops } = drawn
  const undone = undoneBy(document)
  return document.nodes.map(({ id, type, title }) => ({
    id,
    type: 'card',
    position: places.get(id) ?? { x: 0, y: 0 },
    width: CARD_WIDTH,
    height: CARD_HEIGHT,
    ...SIDES[direction],
    measured: SIZE,
    handles: ENDS[direction],
    selected: id === selected,
    data: {
      id,
      title: title ?? id,
      isTitled: title !== undefined,
      type,
      status: shownStatus(nodes[id], type),
      node: nodes[id],
      mark: marks.get(id),
      round: roundLabel(roundsOf(loops, tally.rounds, id)),
      told: tally.told[id],
      children: tally.children[id],
      undoes: titleIn(undone.get(id)),
      isSelected: id === selected,
    },
  }))
}

const titleIn = (node: { id: string; title?: string } | undefined): string | null =>
  node ? (node.title ?? node.id) : null

/** Nothing while every loop is in its first round. */
export function roundLabel(rounds: readonly number[]): string {
  return rounds.some((each) => each > 1) ? rounds.join('.') : ''
}

/** `fresh` with the very objects of `before` where nothing changed: only what is another object is
 * drawn again. What they hold is compared by identity, `data` and `position` field by field. */
export function keptAlike<T extends { id: string }>(before: readonly T[], fresh: T[]): T[] {
  const byId = new Map(before.map((each) => [each.id, each]))
  return fresh.map((each) => {
    const old = byId.get(each.id)
    return old && isAlike(old, each, 1) ? old : each
  })
}

function isAlike(a: object, b: object, depth: number): boolean {
  const [ours, theirs] = [Object.entries(a), Object.entries(b)]
  return (
    ours.length === theirs.length &&
    ours.every(([name, value]) => {
      const other = (b as Record<string, unknown>)[name]
      const isNested = depth > 0 && isObject(value) && isObject(other)
      return value === other || (isNested && isAlike(value, other, depth - 1))
    })
  )
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

export type Passage = 'open' | 'taken' | 'passed-by'

/** Whether the run went along an edge. A condition is judged by what became of its target. */
export function passageOf(
  edge: DocumentEdge,
  port: string,
  source: NodeView | undefined,
  target: NodeView | undefined,
): Passage {
  if (source === undefined || !source.ended_at) {
    return source?.status === 'skipped' ? 'passed-by' : 'open'
  }
  if (source.status === 'skipped' || source.status === 'cancelled') return 'passed-by'
  if (source.port !== port) return 'passed-by'
  const wasSkipped = target?.status === 'skipped'
  return (edge.when || edge.otherwise) && wasSkipped ? 'passed-by' : 'taken'
}

const LABEL_LENGTH = 34
const LABEL_PADDING: [number, number] = [5, 2]

const short = (text: string): string =>
  text.length > LABEL_LENGTH ? `${text.slice(0, LABEL_LENGTH - 1)}…` : text

/** `far` is where the line runs back, `outermost` where that of the loop around all others does. */
export type LoopLineEdge = Edge<
  { far: number; outermost: number; level: number; direction: Direction },
  'loop'
>
export type UndoLineEdge = Edge<{ from: Box; to: Box }, 'undo'>

export function edgesOf(drawn: Omit<Drawn, 'marks' | 'selected'>): Edge[] {
  const { document, nodes, loops } = drawn
  const byId = new Map(document.nodes.map((node) => [node.id, node]))
  const lines = document.edges.map((edge, index) => {
    const loop = loops.find((each) => each.edge === index)
    if (loop) return loopEdge(drawn, loop, edge)
    const source = byId.get(edge.from)
    const port = portOf(edge, source)
    const passage = passageOf(edge, port, nodes[edge.from], nodes[edge.to])
    const label = edge.otherwise ? 'otherwise' : port === defaultPort(source) ? '' : port
    return {
      id: `${index}:${edge.from}:${edge.to}`,
      source: edge.from,
      target: edge.to,
      ...(label || edge.when ? { label: short(label || (edge.when ?? '')) } : {}),
      labelBgPadding: LABEL_PADDING,
      labelBgBorderRadius: 4,
      interactionWidth: 0,
      className: `run-edge run-edge-${passage}`,
      focusable: false,
    }
  })
  return [...lines, ...undoEdges(drawn)]
}

const BESIDE = 26
const LEVEL = 22

/** How far a loop reaches beyond the cards that it runs again. */
export const reachOf = (level: number): number => BESIDE + level * LEVEL

function loopEdge(
  { places, direction, loops, tally }: Omit<Drawn, 'marks' | 'selected'>,
  loop: Loop,
  { from, to, loop: bounds }: DocumentEdge,
): LoopLineEdge {
  const { level } = loop
  const side = direction === 'right' ? 'y' : 'x'
  const farOf = ({ body, level }: Loop): number =>
    Math.min(...[...body].map((id) => places.get(id)?.[side] ?? 0)) - reachOf(level)
  const turn = tally.rounds[from]
  const most = bounds?.max_iterations ?? 0
  return {
    id: `${loop.edge}:${from}:${to}`,
    type: 'loop',
    source: from,
    target: to,
    label: turn
      ? text.run.loopRound(roundsOf(loops, tally.rounds, from).at(-1) ?? 1, most)
      : short(text.run.loopWhile(bounds?.while ?? '', most)),
    labelBgPadding: LABEL_PADDING,
    labelBgBorderRadius: 4,
    className: `run-edge run-loop ${turn ? '' : 'run-loop-open'}`,
    focusable: false,
    data: {
      far: farOf(loop),
      outermost: Math.min(...loopsAround(loops, to).map(farOf)),
      level,
      direction,
    },
  }
}

function undoEdges({ document, places }: Pick<Drawn, 'document' | 'places'>): UndoLineEdge[] {
  const boxOf = (id: string): Box => ({
    ...(places.get(id) ?? { x: 0, y: 0 }),
    width: CARD_WIDTH,
    height: CARD_HEIGHT,
  })
  return [...undoneBy(document)].map(([id, undone]) => ({
    id: `undo:${id}`,
    type: 'undo',
    source: undone.id,
    target: id,
    className: 'run-edge run-undo',
    focusable: false,
    data: { from: boxOf(undone.id), to: boxOf(id) },
  }))
}
