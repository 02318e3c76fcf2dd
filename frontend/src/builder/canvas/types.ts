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
  /** Title of the step that this one undoes. */
  undoes: string | null
}
export type StepNode = Node<StepData, 'step'>

export type LinkData = {
  link: DocumentEdge
  index: number
  port: string
  /** The port is not the usual one: say it. */
  tellsPort: boolean
  faults: FaultCount | null
  /** Of a back edge: above which line it goes back, and how many loops lie inside its own. */
  way: { far: number; level: number } | null
}
export type LinkEdge = Edge<LinkData, 'link'>

/** From a step to the one that undoes it: no edge of the document. */
export type UndoEdge = Edge<Record<string, never>, 'undo'>
export type DrawnEdge = LinkEdge | UndoEdge

/** What a drag from the palette carries. */
export const DRAG_TYPE = 'application/x-minuet-step'
