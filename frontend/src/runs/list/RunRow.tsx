import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import type { RunLine } from '@/api/types'
import { RelativeTime } from '@/components/RelativeTime'
import { StatusMark } from '@/components/StatusMark'
import { Cell, Row } from '@/components/Table'
import { elapsedMs, formatDuration } from '@/model/time'
import { text } from '@/text'

interface RunRowProps {
  run: RunLine
  now: Date
}

export const RunRow = memo(drawRun, isSame)

function drawRun({ run, now }: RunRowProps) {
  const elapsed = elapsedMs(run.started_at, run.ended_at, now)
  return (
    <Row className="relative">
      <Cell>
        <StatusMark status={run.status} />
      </Cell>
      <Cell>
        <Link
          to="/runs/$runId"
          params={{ runId: run.id }}
          className="font-medium after:absolute after:inset-0 hover:underline"
        >
          {run.workflow}
        </Link>
        <span className="ml-2 hidden text-muted-foreground sm:inline">
          {run.version ? text.common.version(run.version) : text.common.draft}
        </span>
      </Cell>
      <Cell className="hidden font-mono text-muted-foreground text-xs xl:table-cell">{run.id}</Cell>
      <Cell className="text-muted-foreground">
        <RelativeTime at={run.started_at ?? run.accepted_at} now={now} />
      </Cell>
      <Cell className="tabular-nums">
        {elapsed === null ? (
          <span className="text-muted-foreground">{text.runs.notStarted}</span>
        ) : (
          formatDuration(elapsed)
        )}
      </Cell>
      <Cell className="hidden md:table-cell">
        <Labels labels={run.labels} />
      </Cell>
    </Row>
  )
}

/** A run that has ended changes only in "5 min ago": a look every ten seconds is enough for it. */
function isSame(before: RunRowProps, after: RunRowProps): boolean {
  if (before.run !== after.run) return false
  return before.run.ended_at !== null && after.now.getTime() - before.now.getTime() < 10_000
}

function Labels({ labels }: { labels: Record<string, string> }) {
  return (
    <div className="flex gap-1 overflow-hidden">
      {Object.entries(labels).map(([key, value]) => (
        <span
          key={key}
          title={`${key}=${value}`}
          className="max-w-40 truncate rounded-sm bg-muted px-1.5 text-muted-foreground text-xs leading-5"
        >
          {key}={value}
        </span>
      ))}
    </div>
  )
}
