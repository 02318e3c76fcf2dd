// Steps that undo others: they have no edges, and each undoes one.
import type { DocumentNode, WorkflowDocument } from './document'

/** Which node each compensating node undoes, by its id. */
export function undoneBy({ nodes }: WorkflowDocument): Map<string, DocumentNode> {
  const ids = new Set(nodes.map(({ id }) => id))
  const named = nodes.filter(({ compensate }) => compensate !== undefined && ids.has(compensate))
  return new Map(named.map((node) => [node.compensate as string, node]))
}

/** Nodes that could undo `node`: those without edges that undo no other and are not undone. */
export function compensatorsFor(document: WorkflowDocument, node: DocumentNode): DocumentNode[] {
  const linked = new Set(document.edges.flatMap(({ from, to }) => [from, to]))
  const undone = undoneBy(document)
  return document.nodes.filter((each) => {
    if (each.id === node.compensate) return true
    const isFree = !linked.has(each.id) && !undone.has(each.id)
    return isFree && each.id !== node.id && each.compensate === undefined
  })
}
