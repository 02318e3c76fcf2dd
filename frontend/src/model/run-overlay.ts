// What patches made of the document of a run, and what a node is shown as.
import type { components } from '@/api/schema'
import type { NodeView } from './run-fold'

export type PatchView = components['schemas']['PatchView']
export type PatchMark = 'added' | 'changed'

/** Nodes that applied patches added or changed, by id. */
export function patchMarks(patches: readonly PatchView[]): Map<string, PatchMark> {
  const marks = new Map<string, PatchMark>()
  const applied = patches.filter(({ status }) => status === 'applied')
  for (const { changes } of [...applied].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))) {
    for (const id of changes.nodes_changed ?? []) if (!marks.has(id)) marks.set(id, 'changed')
    for (const id of changes.nodes_added ?? []) marks.set(id, 'added')
    for (const id of changes.nodes_removed ?? []) marks.delete(id)
  }
  return marks
}

/** A question to people is not any waiting: it needs somebody. */
export function shownStatus(node: NodeView | undefined, type: string): string {
  if (node === undefined) return 'pending'
  if (type === 'hitl' && node.status === 'waiting') return 'needs_you'
  return node.status
}
