// Where the nodes of a run are drawn: from left to right, closer together than in the builder.
import { Graph, layout as runDagre } from '@dagrejs/dagre'
import type { Place, WorkflowDocument } from '@/model/document'
import { layout } from '@/model/layout'

export const CARD_WIDTH = 200
export const CARD_HEIGHT = 56
const RANK_GAP = 72
const CARD_GAP = 28
/** Beyond this dagre takes longer than a person waits. */
const DAGRE_NODES = 1_200

/** A place for every node of `document`, by id: the upper left corner. */
export function layoutRun(document: WorkflowDocument): Map<string, Place> {
  if (document.nodes.length > DAGRE_NODES) return layout(document, () => undefined)
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'LR', ranksep: RANK_GAP, nodesep: CARD_GAP })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { id } of document.nodes) {
    graph.setNode(id, { width: CARD_WIDTH, height: CARD_HEIGHT })
  }
  document.edges.forEach(({ from, to }, index) => {
    graph.setEdge(from, to, {}, String(index))
  })
  runDagre(graph)
  return new Map(
    document.nodes.map(({ id }) => {
      const { x, y } = graph.node(id) as { x: number; y: number }
      return [id, { x: x - CARD_WIDTH / 2, y: y - CARD_HEIGHT / 2 }]
    }),
  )
}
