import { Link } from '@tanstack/react-router'
import { Timer } from 'lucide-react'
import { CopyButton } from '@/components/CopyButton'
import { RelativeTime } from '@/components/RelativeTime'
import { StatusMark } from '@/components/StatusMark'
import { useNow } from '@/components/useNow'
import type { RunView } from '@/model/run-fold'
import { elapsedMs, formatDuration } from '@/model/time'
import { text } from '@/text'
import { ParentCrumb } from './ParentCrumb'
import { shortId } from './shortId'

interface RunHeadingProps {
  run: RunView
  /** Whether a question of the run waits for an answer: more than any waiting. */
  asks: boolean
}

/** State, flow, id and time of a run in a line. */
export function RunHeading({ run, asks }: RunHeadingProps) {
  const now = useNow()
  const status = asks && run.status === 'waiting' ? 'needs_you' : run.status
  const took = elapsedMs(run.started_at, run.ended_at, now)
  return (
    <>
      <StatusMark status={status} className="shrink-0" />
      <ParentCrumb parent={run.parent} />
      <h1 className="min-w-0 truncate font-semibold text-sm">
        <Link
          to="/flows/$name"
          params={{ name: run.workflow }}
          search={run.version === null ? {} : { version: run.version }}
          className="hover:underline"
        >
          {run.workflow}
        </Link>
        <span className="ml-1.5 font-normal text-muted-foreground">
          {run.version !== null
            ? text.common.version(run.version)
            : run.parent
              ? ''
              : text.common.draft}
        </span>
      </h1>
      <span className="hidden shrink-0 items-center font-mono text-muted-foreground text-xs sm:flex">
        <span title={run.id}>{shortId(run.id)}</span>
        <CopyButton value={run.id} label={text.run.copyId} />
      </span>
      {run.retry_of ? (
        <span className="hidden shrink-0 text-muted-foreground text-xs lg:inline">
          {text.run.retryOf}{' '}
          <Link
            to="/runs/$runId"
            params={{ runId: run.retry_of }}
            className="font-mono hover:underline"
          >
            {shortId(run.retry_of)}
          </Link>
        </span>
      ) : null}
      <span className="hidden shrink-0 items-center gap-3 text-muted-foreground text-xs md:flex">
        <span>
          {text.run.started} <RelativeTime at={run.started_at ?? run.accepted_at} now={now} />
        </span>
        {took === null ? null : (
          <span title={text.run.duration} className="flex items-center gap-1 tabular-nums">
            <Timer aria-hidden className="size-3.5" />
            {formatDuration(took)}
          </span>
        )}
      </span>
    </>
  )
}
