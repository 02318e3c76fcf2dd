import { MarkerType } from '@xyflow/react'
import { useMemo, useRef } from 'react'
import { undoneBy } from '@/model/compensation'
import { placeOf, type WorkflowDocument } from '@/model/document'
import { heightOf, NODE_WIDTH } from '@/model/layout'
import { type Loop, loopsOf } from '@/model/loops'
import { closersOf, defaultPort, portOf, portsOf, usedPorts } from '@/model/ports'
import type { FaultCount, FaultMap } from '../faults'
import { type Kinds, titleOf } from '../kinds'
import { handlesOf } from './ports'
import type { DrawnEdge, LinkEdge, StepData, StepNode } from './types'

const NO_PORTS: ReadonlySet<string> = new Set()
const ARROW = { type: MarkerType.ArrowClosed, width: 14, height: 14 }

function isSameCount(a: FaultCount | null, b: FaultCount | null): boolean {
  return a?.errors === b?.errors && a?.warnings === b?.warnings
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each))
}

function isSameData(a: StepData, b: StepData): boolean {
  return (
    a.step === b.step &&
    a.kind === b.kind &&
    a.undoes === b.undoes &&
    a.ports.trouble.length === b.ports.trouble.length &&
    isSameCount(a.faults, b.faults) &&
    isSameSet(a.used, b.used)
  )
}

/** The document as elements of the canvas. A node that did not change keeps its data object. */
export function useFlowElements(document: WorkflowDocument, kinds: Kinds, faults: FaultMap) {
  const kept = useRef(new Map<string, StepData>())
  const nodes = useMemo(() => {
    const used = usedPorts(document)
    const closers = closersOf(document)
    const undone = undoneBy(document)
    const next = new Map<string, StepData>()
    const made = document.nodes.map((step): StepNode => {
      const kind = kinds.get(step.type)
      const ports = used.get(step.id) ?? NO_PORTS
      const undoes = undone.get(step.id)
      const fresh: StepData = {
        step,
        kind: kind?.title ?? (kinds.size === 0 ? step.type : null),
        ports: portsOf(step, kind, ports, closers.has(step.id)),
        used: ports,
        faults: faults.nodes.get(step.id) ?? null,
        undoes: undoes ? titleOf(undoes) : null,
      }
      const before = kept.current.get(step.id)
      const data = before && isSameData(before, fresh) ? before : fresh
      next.set(step.id, data)
      const height = heightOf(data.ports.main.length)
      return {
        id: step.id,
        type: 'step',
        position: placeOf(step) ?? { x: 0, y: 0 },
        width: NODE_WIDTH,
        height,
        // Told, so that no card has to be drawn to be measured.
        measured: { width: NODE_WIDTH, height },
        handles: handlesOf(data.ports, height),
        data,
      }
    })
    kept.current = next
    return made
  }, [document, kinds, faults])
  const edges = useMemo((): DrawnEdge[] => {
    const byId = new Map(document.nodes.map((node) => [node.id, node]))
    const ways = waysBack(document)
    const links = document.edges.map((link, index): LinkEdge => {
      const source = byId.get(link.from)
      const port = portOf(link, source)
      const mainPorts = source ? portsOf(source, kinds.get(source.type), []).main.length : 1
      return {
        id: `${index}`,
        type: 'link',
        source: link.from,
        target: link.to,
        sourceHandle: port,
        markerEnd: ARROW,
        data: {
          link,
          index,
          port,
          tellsPort: port !== defaultPort(source) && mainPorts < 2,
          faults: faults.edges.get(index) ?? null,
          way: ways.get(index) ?? null,
        },
      }
    })
    return [...links, ...undoLines(document)]
  }, [document, kinds, faults])
  return { nodes, edges }
}

const ABOVE = 30
const LEVEL = 26

/** Where each back edge runs: above everything that it runs again. */
function waysBack(document: WorkflowDocument): Map<number, { far: number; level: number }> {
  const loops = loopsOf(document)
  const tops = new Map(document.nodes.map((node) => [node.id, placeOf(node)?.y ?? 0]))
  const wayOf = (loop: Loop) => {
    const { level } = loop
    const top = Math.min(...[...loop.body].map((id) => tops.get(id) ?? 0))
    return { far: top - ABOVE - level * LEVEL, level }
  }
  return new Map(loops.map((loop) => [loop.edge, wayOf(loop)]))
}

function undoLines(document: WorkflowDocument): DrawnEdge[] {
  return [...undoneBy(document)].map(([id, undone]) => ({
    id: `undo ${id}`,
    type: 'undo',
    source: undone.id,
    target: id,
    selectable: false,
    focusable: false,
  }))
}
