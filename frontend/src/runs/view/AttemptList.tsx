import { useMemo } from 'react'
import { StatusPill } from '@/components/StatusPill'
import { useNow } from '@/components/useNow'
import type { EventView } from '@/model/run-fold'
import { type Attempt, attemptsOf } from '@/model/run-history'
import { elapsedMs, formatDuration } from '@/model/time'
import { text } from '@/text'
import { Nothing } from './Section'

/** Every try of a node, oldest first. */
export function AttemptList({ events, node }: { events: readonly EventView[]; node: string }) {
  const attempts = useMemo(() => attemptsOf(events, node), [events, node])
  const now = useNow()
  if (attempts.length === 0) return <Nothing>{text.run.noAttempts}</Nothing>
  return (
    <ol className="flex flex-col gap-2">
      {attempts.map((each) => (
        <li key={`${each.gen}.${each.attempt}`} className="rounded-md border px-3 py-2">
          <AttemptRow attempt={each} now={now} />
        </li>
      ))}
    </ol>
  )
}

function AttemptRow({ attempt, now }: { attempt: Attempt; now: Date }) {
  const took = elapsedMs(attempt.started_at, attempt.ended_at, now)
  const { error } = attempt
  return (
    <>
      <div className="flex items-center gap-2">
        <StatusPill status={attempt.status} className="h-5" />
        <span>{text.run.attemptOf(attempt.gen, attempt.attempt)}</span>
        <span className="flex-1" />
        <span className="min-w-0 truncate font-mono text-muted-foreground text-xs">
          {attempt.worker}
        </span>
        {took === null ? null : (
          <span className="text-muted-foreground tabular-nums">{formatDuration(took)}</span>
        )}
      </div>
      {error ? (
        <p className="mt-1 break-words text-state-failed">
          <bdi>{String(error.message ?? error.code ?? '')}</bdi>
        </p>
      ) : null}
    </>
  )
}
