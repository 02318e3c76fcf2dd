import { useEffect } from 'react'
import { isWriting } from '@/app/useGlobalKeys'
import type { WorkflowDocument } from '@/model/document'
import type { NodeView } from '@/model/run-fold'
import { shownStatus } from '@/model/run-overlay'

interface Keys {
  document: WorkflowDocument | undefined
  nodes: Readonly<Record<string, NodeView>>
  selected: string | null
  select: (node: string | null) => void
}

const isFailure = (status: string): boolean => status === 'failed' || status === 'timed_out'

/** J and K walk the nodes, E goes to the next error, N to the next that needs an answer. */
export function useRunKeys({ document, nodes, selected, select }: Keys): void {
  useEffect(() => {
    const all = document?.nodes ?? []
    const statusOf = (at: number): string => {
      const node = all[at]
      return node ? shownStatus(nodes[node.id], node.type) : ''
    }
    const step = (by: 1 | -1, wanted: (status: string) => boolean): void => {
      const from = all.findIndex(({ id }) => id === selected)
      const start = from < 0 && by < 0 ? 0 : from
      for (let far = 1; far <= all.length; far += 1) {
        const at = (start + by * far + all.length * 2) % all.length
        if (!wanted(statusOf(at))) continue
        select(all[at]?.id ?? null)
        return
      }
    }
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return
      if (event.key === 'j') step(1, () => true)
      else if (event.key === 'k') step(-1, () => true)
      else if (event.key === 'e') step(1, isFailure)
      else if (event.key === 'n') step(1, (status) => status === 'needs_you')
      else if (event.key === 'Escape' && !event.defaultPrevented) select(null)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [document, nodes, selected, select])
}
