import './graph.css'
import {
  Background,
  BackgroundVariant,
  ControlButton,
  Controls,
  type Edge,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from '@xyflow/react'
import { Maximize } from 'lucide-react'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { isWriting } from '@/app/useGlobalKeys'
import type { Place, WorkflowDocument } from '@/model/document'
import type { Loop } from '@/model/loops'
import type { NodeView } from '@/model/run-fold'
import type { PatchMark } from '@/model/run-overlay'
import type { Tally } from '@/model/run-tally'
import type { Box } from '@/model/undoPath'
import { viewOf } from '@/model/view'
import { useTheme } from '@/store/theme'
import { text } from '@/text'
import { type CardNode, cardsOf, edgesOf, keptAlike, reachOf } from './elements'
import { LoopEdge } from './LoopEdge'
import { boundsOf, type Direction, directionFor, layoutRun } from './layout'
import { RunCard } from './RunCard'
import { UndoEdge } from './UndoEdge'

interface RunGraphProps {
  document: WorkflowDocument
  nodes: Readonly<Record<string, NodeView>>
  marks: ReadonlyMap<string, PatchMark>
  tally: Tally
  loops: readonly Loop[]
  selected: string | null
  onSelect: (node: string | null) => void
}

const NODE_TYPES = { card: RunCard }
const EDGE_TYPES = { loop: LoopEdge, undo: UndoEdge }
/** Below, the controls have their place. */
const MARGINS = { side: 24, top: 24, bottom: 60 }
const MIN_ZOOM = 0.05
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
  const { document, nodes, marks, tally, loops, selected, onSelect, direction } = props
  const theme = useTheme((state) => state.theme)
  const places = useMemo(() => layoutRun(document, direction), [document, direction])
  const keptCards = useRef<CardNode[]>([])
  const cards = useMemo(() => {
    const drawn = { document, places, direction, nodes, marks, tally, loops, selected }
    const fresh = cardsOf(drawn)
    keptCards.current = keptAlike(keptCards.current, fresh)
    return keptCards.current
  }, [document, places, direction, nodes, marks, tally, loops, selected])
  const keptEdges = useRef<Edge[]>([])
  const edges = useMemo(() => {
    const fresh = edgesOf({ document, places, direction, nodes, tally, loops })
    keptEdges.current = keptAlike(keptEdges.current, fresh)
    return keptEdges.current
  }, [document, places, direction, nodes, tally, loops])
  const { wasMoved, showAll } = useFit(places, loops, direction)
  return (
    <ReactFlow
      className="run-graph"
      colorMode={theme}
      nodes={cards}
      edges={edges}
      nodeTypes={NODE_TYPES}
      edgeTypes={EDGE_TYPES}
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
      <Controls orientation="horizontal" showInteractive={false} showFitView={false}>
        {/* That of the canvas waits until every card is drawn and measured. */}
        <ControlButton title={text.run.fit} aria-label={text.run.fit} onClick={showAll}>
          <Maximize className="!fill-none" />
        </ControlButton>
      </Controls>
    </ReactFlow>
  )
}

/** Keep everything in sight until a person moves the view; `F` brings it back. It knows the places,
 * so it need not wait until the cards are drawn and measured. */
function useFit(places: ReadonlyMap<string, Place>, loops: readonly Loop[], direction: Direction) {
  const wasMoved = useRef(false)
  const { setViewport, viewportInitialized } = useReactFlow()
  const width = useStore((state) => state.width)
  const height = useStore((state) => state.height)
  const showAll = useCallback(() => {
    if (!viewportInitialized || width === 0 || height === 0) return
    const bounds = withLoops(boundsOf(places), loops, direction)
    void setViewport(viewOf(bounds, { width, height }, MARGINS))
  }, [places, loops, direction, width, height, setViewport, viewportInitialized])
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
  return { wasMoved, showAll }
}

const LABEL_HALF = 10
/** Room for what is written beside a loop downwards. */
const LOOP_LABEL = 170

/** The rectangle around the cards and the loops beside them. */
function withLoops(bounds: Box, loops: readonly Loop[], direction: Direction): Box {
  if (loops.length === 0) return bounds
  const reach = Math.max(...loops.map(({ level }) => reachOf(level))) + LABEL_HALF
  const { x, y, width, height } = bounds
  return direction === 'right'
    ? { x, y: y - reach, width, height: height + reach }
    : { x: x - reach - LOOP_LABEL, y, width: width + reach + LOOP_LABEL, height }
}
