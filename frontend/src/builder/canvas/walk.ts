import { type DocumentNode, type Place, placeOf, type WorkflowDocument } from '@/model/document'

export type Direction = 'left' | 'right' | 'up' | 'down'

const at = (node: DocumentNode): Place => placeOf(node) ?? { x: 0, y: 0 }

function nearest(from: Place, nodes: DocumentNode[], weight: Place): DocumentNode | undefined {
  const distance = (node: DocumentNode): number => {
    const place = at(node)
    return Math.abs(place.x - from.x) * weight.x + Math.abs(place.y - from.y) * weight.y
  }
  return [...nodes].sort((a, b) => distance(a) - distance(b))[0]
}

/** The step an arrow key leads to: along the edges first, then by sight. */
export function walk(
  document: WorkflowDocument,
  current: string | undefined,
  direction: Direction,
): string | undefined {
  const node = document.nodes.find(({ id }) => id === current)
  if (!node) return nearest({ x: -1e6, y: -1e6 }, document.nodes, { x: 1, y: 1 })?.id
  const here = at(node)
  if (direction === 'left' || direction === 'right') {
    const isRight = direction === 'right'
    const linked = document.edges.flatMap(({ from, to }) =>
      isRight ? (from === node.id ? [to] : []) : to === node.id ? [from] : [],
    )
    const along = document.nodes.filter(({ id }) => linked.includes(id))
    const beyond = document.nodes.filter((each) =>
      isRight ? at(each).x > here.x : at(each).x < here.x,
    )
    return (nearest(here, along, { x: 1, y: 1 }) ?? nearest(here, beyond, { x: 1, y: 3 }))?.id
  }
  const beyond = document.nodes.filter((each) =>
    direction === 'down' ? at(each).y > here.y : at(each).y < here.y,
  )
  return nearest(here, beyond, { x: 3, y: 1 })?.id
}
