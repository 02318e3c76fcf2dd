import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { CircleAlert, Hand, PlugZap } from 'lucide-react'
import type { ReactNode } from 'react'
import { nodeTypesQuery } from '@/api/nodeTypes'
import { workersQuery } from '@/api/run'
import type { ApprovalLine } from '@/api/types'
import { Button, buttonLook } from '@/components/Button'
import { StatusGlyph } from '@/components/StatusGlyph'
import { undoneBy } from '@/model/compensation'
import type { WorkflowDocument } from '@/model/document'
import { bannerOf } from '@/model/run-banner'
import { type RunState, runHasEnded } from '@/model/run-fold'
import { textOf } from '@/model/run-values'
import { hasEnded, statusLook } from '@/model/status'
import { text } from '@/text'

interface RunBannerProps {
  state: RunState
  /** As they stand: with the rounds of loops. */
  nodes: RunState['nodes']
  document: WorkflowDocument | undefined
  approvals: readonly ApprovalLine[]
  onShowNode: (node: string) => void
}

/** The one thing that matters now, and the way to it. */
export function RunBanner(props: RunBannerProps) {
  const { state, document, approvals, onShowNode } = props
  const isOpen = !runHasEnded(state)
  const nodes = Object.values(props.nodes)
  const isHeld = isOpen && nodes.some(({ status }) => status === 'ready')
  const workers = useQuery(workersQuery(isHeld))
  const types = useQuery({ ...nodeTypesQuery, enabled: isHeld })
  const typeById = new Map(document?.nodes.map(({ id, type }) => [id, type]))
  const titleById = new Map(document?.nodes.map(({ id, title }) => [id, title]))
  const banner = bannerOf({
    status: state.run.status,
    control: state.tally.control,
    error: state.run.error,
    nodes: isOpen ? nodes : [],
    typeOf: (id) => typeById.get(id) ?? '',
    approvals,
    workerTypes:
      workers.data && types.data ? new Set(workers.data.items.flatMap((each) => each.types)) : null,
    inlineTypes: new Set(types.data?.items.filter((each) => each.inline).map((each) => each.name)),
  })
  switch (banner?.kind) {
    case undefined:
      return null
    case 'asks': {
      const { approval, others } = banner
      return (
        <Strip
          colour="var(--state-needs-you)"
          icon={<Hand aria-hidden className="size-4" />}
          title={text.run.asks}
          detail={approval.message}
          aside={others > 0 ? text.run.others(others) : ''}
        >
          <Link
            to="/inbox/$approvalId"
            params={{ approvalId: approval.id }}
            className={buttonLook({ look: 'primary', size: 'small' })}
          >
            {approval.may_decide ? text.run.answer : text.run.look}
          </Link>
        </Strip>
      )
    }
    case 'held': {
      const { status, control } = banner
      const isUndoing = status === 'compensating'
      const undoing = document ? [...undoneBy(document).keys()] : []
      const atWork = undoing.filter((id) => isLive(props.nodes[id]?.status))
      const told = {
        paused: text.run.pausedDetail,
        cancelling: text.run.cancellingDetail(
          nodes.filter((node) => node.status === 'cancelling').length,
        ),
        compensating: text.run.compensatingDetail(
          atWork.map((id) => titleById.get(id) ?? id).join(', '),
        ),
      }
      const because = control?.reason || textOf(control?.error?.message) || ''
      return (
        <Strip
          colour={statusLook(status).colour}
          icon={<StatusGlyph status={status} className="size-4" />}
          title={text.run.heldTitle(statusLook(status).label, control?.by ?? '')}
          detail={[because, told[status]].filter(Boolean).join(' · ')}
          aside={
            isUndoing && control?.status ? text.run.endsAs(statusLook(control.status).label) : ''
          }
        />
      )
    }
    case 'no-worker':
      return (
        <Strip
          colour="var(--state-counter)"
          icon={<PlugZap aria-hidden className="size-4" />}
          title={text.run.noWorker(banner.types.join(', '))}
          detail={text.run.noWorkerDetail}
        />
      )
    case 'failed': {
      const { node, message } = banner
      return (
        <Strip
          colour="var(--state-failed)"
          icon={<CircleAlert aria-hidden className="size-4" />}
          title={node ? `${text.run.failedAt} ${titleById.get(node) ?? node}` : text.run.error}
          detail={message}
        >
          {node ? (
            <Button size="small" onClick={() => onShowNode(node)}>
              {text.run.show}
            </Button>
          ) : null}
        </Strip>
      )
    }
  }
}

const isLive = (status: string | undefined): boolean =>
  status !== undefined && status !== 'pending' && !hasEnded(status)

interface StripProps {
  colour: string
  icon: ReactNode
  title: string
  detail: string
  aside?: string
  children?: ReactNode
}

function Strip({ colour, icon, title, detail, aside, children }: StripProps) {
  return (
    <div
      role="status"
      className="flex min-h-11 shrink-0 items-center gap-2.5 border-b px-4 py-1.5"
      style={{ background: `color-mix(in srgb, ${colour} 9%, transparent)` }}
    >
      <span style={{ color: colour }}>{icon}</span>
      <p className="min-w-0 flex-1 truncate" title={detail}>
        <span className="font-medium">{title}</span>
        <bdi className="ml-2">{detail}</bdi>
        {aside ? <span className="ml-2 text-muted-foreground">{aside}</span> : null}
      </p>
      {children}
    </div>
  )
}
