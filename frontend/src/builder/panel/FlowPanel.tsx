import { useShallow } from 'zustand/shallow'
import { findNode } from '@/model/document'
import { documentOf, useBuilder } from '@/store/builder'
import type { Kinds } from '../kinds'
import type { LoopRequest } from '../LoopQuestion'
import { text } from '../text'
import { DocumentPanel } from './DocumentPanel'
import { EdgePanel } from './EdgePanel'
import { StepPanel } from './StepPanel'

interface FlowPanelProps {
  kinds: Kinds
  /** A connection was asked for that leads back. */
  onLoop: (wanted: LoopRequest) => void
}

/** The settings of what is selected: a step, a connection, or the flow itself. */
export function FlowPanel({ kinds, onLoop }: FlowPanelProps) {
  const document = useBuilder(documentOf)
  const { nodes, edge } = useBuilder(useShallow((state) => state.selection))
  const [id] = nodes
  const node = nodes.length === 1 && id !== undefined ? findNode(document, id) : undefined
  const link = edge === null ? undefined : document.edges[edge]
  return (
    <aside
      id="flow-panel"
      tabIndex={-1}
      aria-label={text.panel.label}
      className="w-80 shrink-0 xl:w-[360px] overflow-y-auto border-l bg-background outline-offset-[-2px]"
      onKeyDown={(event) => {
        if (event.key === 'Escape') window.document.getElementById('flow-canvas')?.focus()
      }}
    >
      {node ? <StepPanel key={node.id} node={node} kinds={kinds} onLoop={onLoop} /> : null}
      {link && edge !== null ? (
        <EdgePanel key={edge} edge={link} index={edge} kinds={kinds} />
      ) : null}
      {nodes.length > 1 ? (
        <p className="p-4 text-muted-foreground">{text.panel.many(nodes.length)}</p>
      ) : null}
      {!node && !link && nodes.length < 2 ? <DocumentPanel /> : null}
    </aside>
  )
}
