import type { Edge, Node } from '@xyflow/react'
import type { DocumentEdge, DocumentNode } from '@/model/document'
import type { NodePorts } from '@/model/ports'
import type { FaultCount } from '../faults'

export type StepData = {
  step: DocumentNode
  /** Title of the type, or null if nobody knows the type. */
  kind: string | null
  ports: NodePorts
  /** Ports that lead somewhere. */
  used: ReadonlySet<string>
  faults: FaultCount | null
}
export type StepNode = Node<StepData, 'step'>

export type LinkData = {
  link: DocumentEdge
  index: number
  port: string
  /** The port is not the usual one: say it. */
  tellsPort: boolean
  faults: FaultCount | null
}
export type LinkEdge = Edge<LinkData, 'link'>

/** What a drag from the palette carries. */
export const DRAG_TYPE = 'application/x-minuet-step'
