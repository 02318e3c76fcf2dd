import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { childRunsQuery } from '@/api/runs'
import type { RunLine } from '@/api/types'
import { classes } from '@/components/classes'
import { LoadMore } from '@/components/LoadMore'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import { StatusGlyph } from '@/components/StatusGlyph'
import { useNow } from '@/components/useNow'
import type { EventView } from '@/model/run-fold'
import { itemsOf } from '@/model/run-items'
import type { Children } from '@/model/run-tally'
import { hasEnded, RUN_STATUSES, type StatusWord, statusLook } from '@/model/status'
import { elapsedMs, formatDuration } from '@/model/time'
import { text } from '@/text'
import { Nothing } from './Section'
import { shortId } from './shortId'

interface ChildRunsProps {
  run: string
  node: string
  of: Children
  events: readonly EventView[]
  /** Nothing of it will change any more. */
  isOver: boolean
}

const WORDS = text.run.children
const FILTERS = {
  all: [],
  running: RUN_STATUSES.filter((word) => !hasEnded(word)),
  failed: ['failed', 'timed_out', 'cancelled'],
  succeeded: ['succeeded'],
} as const satisfies Record<string, readonly StatusWord[]>
type Filter = keyof typeof FILTERS
const NAMES = Object.keys(FILTERS) as Filter[]

/** How far a map is, and its child runs, the newest first. */
export function ChildRuns({ run, node, of, events, isOver }: ChildRunsProps) {
  const [filter, setFilter] = useState<Filter>('all')
  const { count, spawned, done, failed } = of
  const known = useMemo(() => itemsOf(events), [events])
  const query = useInfiniteQuery(childRunsQuery(run, FILTERS[filter], isOver))
  // Which node a live child run belongs to is told by its end: those of other nodes are left out.
  const lines = (query.data?.pages.flatMap(({ items }) => items) ?? []).filter(
    ({ id }) => (known.get(id)?.node ?? node) === node,
  )
  return (
    <>
      <Progress {...of} />
      <div className="flex flex-wrap gap-1">
        {NAMES.map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={filter === each}
            onClick={() => setFilter(each)}
            className="rounded-full border px-2 py-0.5 text-xs hover:bg-accent aria-pressed:border-primary aria-pressed:font-medium"
          >
            {WORDS.filters[each]}{' '}
            <span className="text-muted-foreground tabular-nums">
              {{ all: count, running: spawned - done - failed, failed, succeeded: done }[each]}
            </span>
          </button>
        ))}
      </div>
      {query.error ? (
        <ProblemNote error={query.error} onRetry={() => void query.refetch()} />
      ) : query.isPending ? (
        <Skeleton className="h-24 w-full" />
      ) : lines.length === 0 ? (
        <Nothing>{WORDS.none}</Nothing>
      ) : (
        <ul className="divide-y rounded-md border">
          {lines.map((line) => (
            <li key={line.id}>
              <ChildLine line={line} item={known.get(line.id)?.item} />
            </li>
          ))}
        </ul>
      )}
      <LoadMore query={query} />
    </>
  )
}

function Progress({ count, spawned, done, failed }: Children) {
  const part = (each: number): string => (count === 0 ? '0%' : `${(100 * each) / count}%`)
  const running = Math.max(0, spawned - done - failed)
  return (
    <div className="flex flex-col gap-1.5">
      <div
        role="progressbar"
        aria-label={WORDS.progress}
        aria-valuemin={0}
        aria-valuemax={count}
        aria-valuenow={done + failed}
        className="flex h-2 overflow-hidden rounded-full bg-muted"
      >
        <span style={{ width: part(done), background: 'var(--state-succeeded)' }} />
        <span style={{ width: part(failed), background: 'var(--state-failed)' }} />
        <span
          className="animate-state-pulse"
          style={{ width: part(running), background: 'var(--state-running)' }}
        />
      </div>
      <p className="tabular-nums">{WORDS.counted({ count, done, failed, running })}</p>
    </div>
  )
}

function ChildLine({ line, item }: { line: RunLine; item: number | undefined }) {
  const now = useNow()
  const took = elapsedMs(line.started_at, line.ended_at, now)
  const { label, ended } = statusLook(line.status)
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: line.id }}
      className="flex h-8 items-center gap-2 px-2.5 hover:bg-accent"
    >
      <StatusGlyph status={line.status} />
      <span className="w-20 shrink-0 truncate">{label}</span>
      <span className="w-16 shrink-0 text-muted-foreground tabular-nums">
        {item === undefined ? '' : WORDS.item(item)}
      </span>
      <span className="min-w-0 flex-1 truncate font-mono text-muted-foreground text-xs">
        {shortId(line.id)}
      </span>
      {took === null ? null : (
        <span className={classes('tabular-nums', ended && 'text-muted-foreground')}>
          {formatDuration(took)}
        </span>
      )}
    </Link>
  )
}
