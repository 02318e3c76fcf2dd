import './graph.css'
import {
  Background,
  BackgroundVariant,
  Controls,
  type Edge,
  getViewportForBounds,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from '@xyflow/react'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { isWriting } from '@/app/useGlobalKeys'
import type { Place, WorkflowDocument } from '@/model/document'
import type { NodeView } from '@/model/run-fold'
import type { PatchMark } from '@/model/run-overlay'
import { useTheme } from '@/store/theme'
import { type CardNode, cardsOf, edgesOf, keptAlike } from './elements'
import { boundsOf, type Direction, directionFor, layoutRun } from './layout'
import { RunCard } from './RunCard'

interface RunGraphProps {
  document: WorkflowDocument
  nodes: Readonly<Record<string, NodeView>>
  marks: ReadonlyMap<string, PatchMark>
  selected: string | null
  onSelect: (node: string | null) => void
}

const NODE_TYPES = { card: RunCard }
/** Below, the controls have their place. */
const PADDING = { x: '24px', top: '24px', bottom: '60px' } as const
const MIN_ZOOM = 0.05
const FIT = { padding: PADDING, minZoom: MIN_ZOOM, maxZoom: 1 }
/** Fewer are drawn at once than looked for. */
const MANY_NODES = 150

/** The graph that a run follows, in the states of its nodes. Nothing in it can be edited. */
export function RunGraph(props: RunGraphProps) {
  const { document } = props
  const frame = useRef<HTMLDivElement>(null)
  const [direction, setDirection] = useState<Direction | null>(null)
  // Once: a graph must not turn under a reader when a patch adds to it.
  useLayoutEffect(() => {
    if (direction !== null || !frame.current) return
    const { clientWidth, clientHeight } = frame.current
    setDirection(directionFor(document, { width: clientWidth, height: clientHeight }))
  }, [direction, document])
  return (
    <div ref={frame} className="h-full">
      {direction === null ? null : (
        <ReactFlowProvider>
          <Canvas {...props} direction={direction} />
        </ReactFlowProvider>
      )}
    </div>
  )
}

function Canvas(props: RunGraphProps & { direction: Direction }) {
  const { document, nodes, marks, selected, onSelect, direction } = props
  const theme = useTheme((state) => state.theme)
  const places = useMemo(() => layoutRun(document, direction), [document, direction])
  const keptCards = useRef<CardNode[]>([])
  const cards = useMemo(() => {
    const fresh = cardsOf({ document, places, direction, nodes, marks, selected })
    keptCards.current = keptAlike(keptCards.current, fresh)
    return keptCards.current
  }, [document, places, direction, nodes, marks, selected])
  const keptEdges = useRef<Edge[]>([])
  const edges = useMemo(() => {
    keptEdges.current = keptAlike(keptEdges.current, edgesOf({ document, nodes }))
    return keptEdges.current
  }, [document, nodes])
  const wasMoved = useFit(places)
  return (
    <ReactFlow
      className="run-graph"
      colorMode={theme}
      nodes={cards}
      edges={edges}
      nodeTypes={NODE_TYPES}
      fitView
      fitViewOptions={FIT}
      minZoom={MIN_ZOOM}
      maxZoom={1.5}
      nodesDraggable={false}
      nodesConnectable={false}
      edgesFocusable={false}
      elementsSelectable
      deleteKeyCode={null}
      selectionKeyCode={null}
      onlyRenderVisibleElements={cards.length > MANY_NODES}
      onNodeClick={(_, node) => onSelect(node.id)}
      onNodesChange={(changes) => {
        // Enter on a focused card.
        const chosen = changes.find((change) => change.type === 'select' && change.selected)
        if (chosen?.type === 'select') onSelect(chosen.id)
      }}
      onPaneClick={() => onSelect(null)}
      // Not at its start: that is also the press of a card.
      onMove={(event) => {
        if (event) wasMoved.current = true
      }}
    >
      <Background variant={BackgroundVariant.Dots} gap={20} color="var(--border)" />
      <Controls orientation="horizontal" showInteractive={false} fitViewOptions={FIT} />
    </ReactFlow>
  )
}

/** Keep everything in sight until a person moves the view; `F` brings it back. It knows the places,
 * so it need not wait until the cards are drawn and measured. */
function useFit(places: ReadonlyMap<string, Place>) {
  const wasMoved = useRef(false)
  const { setViewport, viewportInitialized } = useReactFlow()
  const width = useStore((state) => state.width)
  const height = useStore((state) => state.height)
  const showAll = useCallback(() => {
    if (!viewportInitialized || width === 0 || height === 0) return
    const bounds = boundsOf(places)
    void setViewport(getViewportForBounds(bounds, width, height, MIN_ZOOM, 1, PADDING))
  }, [places, width, height, setViewport, viewportInitialized])
  useEffect(() => {
    if (!wasMoved.current) showAll()
  }, [showAll])
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'f' || event.ctrlKey || event.metaKey || isWriting(event.target)) return
      wasMoved.current = false
      showAll()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [showAll])
  return wasMoved
}
