// Where the nodes of a large flow go: a column for each distance from the start, and several of them
// side by side where that many nodes have the same distance that nobody could see them all.
import type { Place, WorkflowDocument } from './document'

export interface Cell {
  width: number
  /** Beside a column: before the next distance, and before more of the same. */
  rankGap: number
  wrapGap: number
  rowGap: number
}

/** Width to height of the drawing that is aimed at: about that of a pane between two panels. */
const ASPECT = 4 / 3

/** Upper left corners by id. `heights` must hold every node. Cells of one distance follow the order
 * of the document, downwards, then to the right; each distance is centred on a common line.
 * O(nodes log nodes + edges). */
export function columnPlaces(
  document: WorkflowDocument,
  heights: ReadonlyMap<string, number>,
  cell: Cell,
): Map<string, Place> {
  const ranks = ranksOf(document)
  const rows = rowsFor(ranks, heights, cell)
  const places = new Map<string, Place>()
  let left = 0
  for (const ids of ranks) {
    for (const column of chunks(ids, rows)) {
      let top = 0
      for (const id of column) {
        places.set(id, { x: left, y: top })
        top += (heights.get(id) ?? 0) + cell.rowGap
      }
      left += cell.width + cell.wrapGap
    }
    left += cell.rankGap - cell.wrapGap
  }
  centre(ranks, places, heights)
  return places
}

/** The nodes by their distance from the start, in the order of the document. Back edges do not
 * count; what lies on another cycle is taken to start. */
function ranksOf({ nodes, edges }: WorkflowDocument): string[][] {
  const next = new Map<string, string[]>()
  const missing = new Map(nodes.map(({ id }) => [id, 0]))
  for (const { from, to, loop } of edges) {
    if (loop) continue
    const targets = next.get(from)
    if (targets) targets.push(to)
    else next.set(from, [to])
    missing.set(to, (missing.get(to) ?? 0) + 1)
  }
  const rank = new Map(nodes.map(({ id }) => [id, 0]))
  const open = nodes.map(({ id }) => id).filter((id) => missing.get(id) === 0)
  for (let at = 0; at < open.length; at += 1) {
    const id = open[at] as string
    for (const to of next.get(id) ?? []) {
      rank.set(to, Math.max(rank.get(to) ?? 0, (rank.get(id) ?? 0) + 1))
      const left = (missing.get(to) ?? 0) - 1
      missing.set(to, left)
      if (left === 0) open.push(to)
    }
  }
  const ranks: string[][] = []
  for (const { id } of nodes) {
    const at = rank.get(id) ?? 0
    ranks[at] ??= []
    ranks[at].push(id)
  }
  return Array.from(ranks, (ids) => ids ?? [])
}

/** The fewest rows with which the drawing is not wider than `ASPECT` allows, or all of them. */
function rowsFor(ranks: string[][], heights: ReadonlyMap<string, number>, cell: Cell): number {
  const total = [...heights.values()].reduce((sum, height) => sum + height, 0)
  const rowHeight = total / Math.max(1, heights.size) + cell.rowGap
  const widthWith = (rows: number): number =>
    ranks.reduce((sum, ids) => {
      const columns = Math.ceil(ids.length / rows)
      return sum + columns * (cell.width + cell.wrapGap) + cell.rankGap - cell.wrapGap
    }, 0)
  let [low, high] = [1, ranks.reduce((most, ids) => Math.max(most, ids.length), 1)]
  while (low < high) {
    const rows = Math.floor((low + high) / 2)
    if (widthWith(rows) <= ASPECT * rows * rowHeight) high = rows
    else low = rows + 1
  }
  return low
}

/** As many columns as `rows` asks for, equally long but for the last one. */
function chunks(ids: string[], rows: number): string[][] {
  const count = Math.ceil(ids.length / rows)
  const size = Math.ceil(ids.length / count)
  return Array.from({ length: count }, (_, at) => ids.slice(at * size, (at + 1) * size))
}

function centre(
  ranks: string[][],
  places: Map<string, Place>,
  heights: ReadonlyMap<string, number>,
): void {
  const bottomOf = (id: string): number => (places.get(id)?.y ?? 0) + (heights.get(id) ?? 0)
  const bottoms = ranks.map((ids) => ids.reduce((most, id) => Math.max(most, bottomOf(id)), 0))
  const lowest = Math.max(0, ...bottoms)
  ranks.forEach((ids, at) => {
    const down = (lowest - (bottoms[at] ?? 0)) / 2
    for (const id of ids) {
      const { x, y } = places.get(id) ?? { x: 0, y: 0 }
      places.set(id, { x, y: y + down })
    }
  })
}
