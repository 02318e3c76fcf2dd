import '@xyflow/react/dist/base.css'
import './canvas.css'
import {
  applyEdgeChanges,
  applyNodeChanges,
  Background,
  BackgroundVariant,
  type Connection,
  type EdgeChange,
  MiniMap,
  type NodeChange,
  type OnConnectEnd,
  ReactFlow,
  useReactFlow,
} from '@xyflow/react'
import { type DragEvent, useCallback, useEffect, useMemo, useState } from 'react'
import { useShallow } from 'zustand/shallow'
import { NODE_HEIGHT, NODE_WIDTH, snap } from '@/model/layout'
import { mayLoop, whyNotConnect } from '@/model/ports'
import { documentOf, useBuilder } from '@/store/builder'
import { toast } from '@/store/toasts'
import { countFaults } from '../faults'
import type { Kinds } from '../kinds'
import type { LoopRequest } from '../LoopQuestion'
import { text } from '../text'
import type { AddRequest } from '../useAddStep'
import { CanvasTools } from './CanvasTools'
import { LinkLine } from './LinkLine'
import { StepCard } from './StepCard'
import { DRAG_TYPE, type DrawnEdge, type StepNode } from './types'
import { UndoLine } from './UndoLine'
import { useCanvasKeys } from './useCanvasKeys'
import { useFit } from './useFit'
import { useFlowElements } from './useFlowElements'

const NODE_TYPES = { step: StepCard }
const EDGE_TYPES = { link: LinkLine, undo: UndoLine }
/** Where a first step that no pointer dropped is seen. */
const FIRST_VIEW = { x: 160, y: 260, zoom: 1 }
const HIDE = { hideAttribution: true }
const SNAP: [number, number] = [20, 20]
/** Above this only what is in sight is drawn. */
const MANY = 150

interface CanvasProps {
  kinds: Kinds
  onAdd: (request: AddRequest) => void
  onAddType: (type: string, request: AddRequest) => void
  onTidy: () => void
  /** A connection was drawn that leads back. */
  onLoop: (wanted: LoopRequest) => void
}

/** The document as a drawing; every gesture becomes an edit. */
export function Canvas({ kinds, onAdd, onAddType, onTidy, onLoop }: CanvasProps) {
  const document = useBuilder(documentOf)
  const { selection, diagnostics, checkedFor, edit, select } = useBuilder(
    useShallow(({ selection, diagnostics, checkedFor, edit, select }) => ({
      selection,
      diagnostics,
      checkedFor,
      edit,
      select,
    })),
  )
  const faults = useMemo(
    () => countFaults(checkedFor ?? document, diagnostics),
    [checkedFor, diagnostics, document],
  )
  const elements = useFlowElements(document, kinds, faults)
  const [nodes, setNodes] = useState<StepNode[]>(elements.nodes)
  const [edges, setEdges] = useState<DrawnEdge[]>(elements.edges)
  const [hasMap, setHasMap] = useState(false)
  const { screenToFlowPosition } = useReactFlow()
  const showAll = useFit()

  useEffect(() => {
    const chosen = new Set(selection.nodes)
    setNodes((before) => {
      const old = new Map(before.map((node) => [node.id, node]))
      return elements.nodes.map((node) => {
        const was = old.get(node.id)
        const selected = chosen.has(node.id)
        if (was && isDrawnAlike(was, node) && was.selected === selected) return was
        return { ...was, ...node, selected }
      })
    })
  }, [elements.nodes, selection.nodes])
  useEffect(() => {
    setEdges(elements.edges.map((edge, at) => ({ ...edge, selected: at === selection.edge })))
  }, [elements.edges, selection.edge])

  const onNodesChange = useCallback(
    (changes: NodeChange<StepNode>[]) => {
      const chosen = new Set(useBuilder.getState().selection.nodes)
      const choices = changes.filter((change) => change.type === 'select')
      for (const { id, selected } of choices) selected ? chosen.add(id) : chosen.delete(id)
      // A click on a line lets go of the step after it chose the line: that choice stays.
      const { edge } = useBuilder.getState().selection
      if (choices.length > 0 && (chosen.size > 0 || edge === null)) select({ nodes: [...chosen] })
      setNodes((before) =>
        applyNodeChanges(
          changes.filter(({ type }) => type !== 'remove'),
          before,
        ),
      )
    },
    [select],
  )
  const onEdgesChange = useCallback(
    (changes: EdgeChange<DrawnEdge>[]) => {
      const chosen = changes.find((change) => change.type === 'select' && change.selected)
      if (chosen?.type === 'select') select({ edge: Number(chosen.id) })
      setEdges((before) =>
        applyEdgeChanges(
          changes.filter(({ type }) => type !== 'remove'),
          before,
        ),
      )
    },
    [select],
  )
  const onDragStop = useCallback(
    (_: unknown, __: unknown, dragged: StepNode[]) => {
      const places = dragged.map(({ id, position: { x, y } }) => [id, { x: snap(x), y: snap(y) }])
      edit({ kind: 'move', places: new Map(places as [string, { x: number; y: number }][]) })
    },
    [edit],
  )
  const onConnect = useCallback(
    ({ source, target, sourceHandle }: Connection) => {
      const wanted = { from: source, to: target, on: sourceHandle ?? 'success' }
      const refusal = whyNotConnect(documentOf(useBuilder.getState()), wanted)
      if (refusal === null) edit({ kind: 'connect', ...wanted })
      else if (mayLoop(refusal)) onLoop(wanted)
      else toast({ tone: 'bad', title: text.canvas.refused[refusal] })
    },
    [edit, onLoop],
  )
  const onConnectEnd = useCallback<OnConnectEnd>(
    (event, { fromNode, fromHandle, toNode }) => {
      if (toNode || !fromNode || fromHandle?.type !== 'source') return
      const point = 'changedTouches' in event ? event.changedTouches[0] : event
      if (!point) return
      const { x, y } = screenToFlowPosition({ x: point.clientX, y: point.clientY })
      onAdd({
        place: { x: snap(x), y: snap(y - NODE_HEIGHT / 2) },
        after: { from: fromNode.id, on: fromHandle.id ?? 'success' },
      })
    },
    [onAdd, screenToFlowPosition],
  )
  const onDrop = (event: DragEvent): void => {
    const type = event.dataTransfer.getData(DRAG_TYPE)
    if (!type) return
    event.preventDefault()
    const { x, y } = screenToFlowPosition({ x: event.clientX, y: event.clientY })
    onAddType(type, { place: { x: snap(x - NODE_WIDTH / 2), y: snap(y - NODE_HEIGHT / 2) } })
  }
  const onKeyDown = useCanvasKeys(onAdd)

  return (
    <div
      role="application"
      aria-label={text.canvas.label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes the keys
      tabIndex={0}
      id="flow-canvas"
      className="builder-canvas h-full outline-none"
      onKeyDown={onKeyDown}
      onDrop={onDrop}
      onDragOver={(event) => {
        event.preventDefault()
        event.dataTransfer.dropEffect = 'move'
      }}
    >
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        // The colour of arrows is that of lines.
        defaultMarkerColor={null}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onNodeDragStop={onDragStop}
        onSelectionDragStop={(event, dragged) => onDragStop(event, null, dragged)}
        onConnect={onConnect}
        onConnectEnd={onConnectEnd}
        onPaneClick={() => select({})}
        onlyRenderVisibleElements={document.nodes.length > MANY}
        deleteKeyCode={null}
        multiSelectionKeyCode={['Meta', 'Control', 'Shift']}
        nodesFocusable={false}
        edgesFocusable={false}
        disableKeyboardA11y
        connectionRadius={24}
        minZoom={0.05}
        maxZoom={1.5}
        defaultViewport={FIRST_VIEW}
        onInit={() => showAll()}
        snapToGrid
        snapGrid={SNAP}
        proOptions={HIDE}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1.4} />
        {hasMap ? <MiniMap pannable zoomable position="bottom-left" /> : null}
        <CanvasTools onTidy={onTidy} hasMap={hasMap} onMap={() => setHasMap((shown) => !shown)} />
      </ReactFlow>
    </div>
  )
}

function isDrawnAlike(a: StepNode, b: StepNode): boolean {
  return (
    a.data === b.data &&
    a.position.x === b.position.x &&
    a.position.y === b.position.y &&
    a.height === b.height
  )
}
