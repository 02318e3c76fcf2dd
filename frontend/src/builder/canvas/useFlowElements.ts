import { MarkerType } from '@xyflow/react'
import { useMemo, useRef } from 'react'
import { placeOf, type WorkflowDocument } from '@/model/document'
import { heightOf, NODE_WIDTH } from '@/model/layout'
import { defaultPort, portOf, portsOf, usedPorts } from '@/model/ports'
import type { FaultCount, FaultMap } from '../faults'
import type { Kinds } from '../kinds'
import type { LinkEdge, StepData, StepNode } from './types'

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
    isSameCount(a.faults, b.faults) &&
    isSameSet(a.used, b.used)
  )
}

/** The document as elements of the canvas. A node that did not change keeps its data object. */
export function useFlowElements(document: WorkflowDocument, kinds: Kinds, faults: FaultMap) {
  const kept = useRef(new Map<string, StepData>())
  const nodes = useMemo(() => {
    const used = usedPorts(document)
    const next = new Map<string, StepData>()
    const made = document.nodes.map((step): StepNode => {
      const kind = kinds.get(step.type)
      const ports = used.get(step.id) ?? NO_PORTS
      const fresh: StepData = {
        step,
        kind: kind?.title ?? (kinds.size === 0 ? step.type : null),
        ports: portsOf(step, kind, ports),
        used: ports,
        faults: faults.nodes.get(step.id) ?? null,
      }
      const before = kept.current.get(step.id)
      const data = before && isSameData(before, fresh) ? before : fresh
      next.set(step.id, data)
      return {
        id: step.id,
        type: 'step',
        position: placeOf(step) ?? { x: 0, y: 0 },
        width: NODE_WIDTH,
        height: heightOf(data.ports.main.length),
        data,
      }
    })
    kept.current = next
    return made
  }, [document, kinds, faults])
  const edges = useMemo(() => {
    const byId = new Map(document.nodes.map((node) => [node.id, node]))
    return document.edges.map((link, index): LinkEdge => {
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
        },
      }
    })
  }, [document, kinds, faults])
  return { nodes, edges }
}
