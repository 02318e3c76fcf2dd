import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import { approvalQuery } from '@/api/inbox'
import type { ApprovalView } from '@/api/types'
import { buttonLook } from '@/components/Button'
import { JsonView } from '@/components/JsonView'
import { ProblemNote } from '@/components/ProblemNote'
import { RelativeTime } from '@/components/RelativeTime'
import { Skeleton } from '@/components/Skeleton'
import { StatusPill } from '@/components/StatusPill'
import { useNow } from '@/components/useNow'
import { sameJson } from '@/model/proposal'
import { relativeTime } from '@/model/time'
import { text } from '@/text'
import { ClosedNote } from './ClosedNote'
import { DecisionForm } from './DecisionForm'
import { shownAs } from './QuestionList'

/** One question, what it is about, and the answer. */
export function ApprovalPane({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(approvalQuery(id))
  return (
    <div className="mx-auto flex min-h-full max-w-2xl flex-col gap-4 p-4 md:p-6">
      {data ? (
        <>
          <Question approval={data} />
          <DecisionForm key={data.id} approval={data} />
          {data.status === 'pending' ? null : <Closed approval={data} />}
        </>
      ) : error ? (
        <ProblemNote error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton className="h-16" />
      )}
    </div>
  )
}

function Question({ approval }: { approval: ApprovalView }) {
  const now = useNow()
  return (
    <header className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-muted-foreground">
        <Link to="/inbox" aria-label={text.inbox.list} className="md:hidden">
          <ArrowLeft className="size-4" />
        </Link>
        <StatusPill status={shownAs(approval.status)} />
        {approval.expires_at && approval.status === 'pending' ? (
          <span className="tabular-nums">
            {text.inbox.timeLeft(relativeTime(new Date(approval.expires_at), now))}
          </span>
        ) : null}
        <Link
          to="/runs/$runId"
          params={{ runId: approval.run }}
          className={buttonLook({
            look: 'secondary',
            size: 'small',
            className: 'ml-auto text-foreground',
          })}
        >
          {text.inbox.openRun}
        </Link>
      </div>
      <h2 className="whitespace-pre-wrap break-words font-semibold text-base">
        <bdi>{approval.message}</bdi>
      </h2>
      <p className="flex flex-wrap gap-x-3 text-muted-foreground">
        <span className="min-w-0 truncate">
          {approval.workflow} · <span className="font-mono text-xs">{approval.node}</span>
        </span>
        <span>
          {text.inbox.asked} <RelativeTime at={approval.requested_at} now={now} />
        </span>
      </p>
    </header>
  )
}

function Closed({ approval }: { approval: ApprovalView }) {
  const { status, decided_at, decided_by, comment, payload, decided_payload } = approval
  const wasEdited = decided_payload !== null && !sameJson(payload, decided_payload)
  return (
    <>
      <ClosedNote status={status} at={decided_at} by={decided_by} comment={comment} />
      {payload === null ? null : (
        <section className="flex flex-col gap-1.5">
          <h3 className="font-medium text-muted-foreground text-xs">{text.inbox.proposal}</h3>
          <JsonView value={payload} label={text.inbox.proposal} />
        </section>
      )}
      {wasEdited ? (
        <section className="flex flex-col gap-1.5">
          <h3 className="font-medium text-muted-foreground text-xs">{text.inbox.decidedOn}</h3>
          <JsonView value={decided_payload} label={text.inbox.decidedOn} />
        </section>
      ) : null}
    </>
  )
}
