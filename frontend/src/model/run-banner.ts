// The one thing that matters about a run now, if there is one.
import type { ApprovalLine } from '@/api/types'
import type { NodeView } from './run-fold'
import type { Control } from './run-tally'

export type Banner =
  | { kind: 'asks'; approval: ApprovalLine; others: number }
  | { kind: 'held'; status: HeldStatus; control: Control | null }
  | { kind: 'no-worker'; types: string[] }
  | { kind: 'failed'; message: string; node: string | null }

/** A run that somebody or something keeps from going its way. */
type HeldStatus = 'paused' | 'cancelling' | 'compensating'
const HELD: readonly string[] = ['paused', 'cancelling', 'compensating'] satisfies HeldStatus[]

const isHeld = (status: string): status is HeldStatus => HELD.includes(status)

interface Known {
  status: string
  /** The order that it follows, null while that is not known. */
  control: Control | null
  error: Record<string, unknown> | null
  nodes: Iterable<NodeView>
  /** Type of a node by its id. */
  typeOf: (id: string) => string
  approvals: readonly ApprovalLine[]
  /** Types that living workers take, null while that is not known. */
  workerTypes: ReadonlySet<string> | null
  /** Types that need no worker. */
  inlineTypes: ReadonlySet<string>
}

export function bannerOf(known: Known): Banner | null {
  const { status, control } = known
  if (isHeld(status)) return { kind: 'held', status, control }
  const [first, ...others] = [...known.approvals].sort(
    (a, b) => Number(b.may_decide) - Number(a.may_decide),
  )
  if (first) return { kind: 'asks', approval: first, others: others.length }
  const types = typesWithoutWorker(known)
  if (types.length > 0) return { kind: 'no-worker', types }
  return known.error ? failure(known.error) : null
}

function typesWithoutWorker({ nodes, typeOf, workerTypes, inlineTypes }: Known): string[] {
  if (workerTypes === null) return []
  const missing = new Set<string>()
  for (const node of nodes) {
    const type = typeOf(node.id)
    if (node.status === 'ready' && type && !workerTypes.has(type) && !inlineTypes.has(type)) {
      missing.add(type)
    }
  }
  return [...missing].sort()
}

function failure(error: Record<string, unknown>): Banner {
  const message = String(error.message ?? error.code ?? '')
  return { kind: 'failed', message, node: typeof error.node === 'string' ? error.node : null }
}
