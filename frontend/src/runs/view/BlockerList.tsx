import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { blockersQuery } from '@/api/blockers'
import { buttonLook } from '@/components/Button'
import { ProblemNote } from '@/components/ProblemNote'
import { RelativeTime } from '@/components/RelativeTime'
import { Skeleton } from '@/components/Skeleton'
import { useNow } from '@/components/useNow'
import type { Blocker, BlockerGroup } from '@/model/blockers'
import { text } from '@/text'
import { Nothing } from './Section'

interface BlockerListProps {
  run: string
  /** The last event of the run that is known: asked again when it grows. */
  seq: number
  onShowNode: (node: string) => void
}

/** What each live node of the run waits for. */
export function BlockerList({ run, seq, onShowNode }: BlockerListProps) {
  const found = useQuery(blockersQuery(run, seq))
  const now = useNow()
  if (found.error) {
    return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  }
  if (!found.data) return <Skeleton className="h-10 w-full" />
  const { run: whole, items, groups, live } = found.data
  if (!whole && live === 0) return <Nothing>{text.blockers.none}</Nothing>
  return (
    <div className="flex flex-col gap-2">
      {whole ? <Reason item={whole} now={now} /> : null}
      <ul className="flex flex-col divide-y">
        {items.map((item) => (
          <li key={item.node} className="py-2">
            <button
              type="button"
              className="rounded-sm font-mono text-xs hover:underline"
              onClick={() => onShowNode(item.node ?? '')}
            >
              {item.node}
            </button>
            <Reason item={item} now={now} />
          </li>
        ))}
      </ul>
      {live > items.length ? <Rest live={live} groups={groups} /> : null}
    </div>
  )
}

function Reason({ item, now }: { item: Blocker; now: Date }) {
  return (
    <div className={item.blocks ? undefined : 'text-muted-foreground'}>
      <p className="[overflow-wrap:anywhere]">
        <bdi>{item.text}</bdi>
      </p>
      {item.error ? (
        <p className="text-state-failed text-xs [overflow-wrap:anywhere]">
          <bdi>{item.error}</bdi>
        </p>
      ) : null}
      <p className="flex flex-wrap items-center gap-x-3 text-muted-foreground text-xs">
        {item.since ? (
          <span>
            {text.blockers.since} <RelativeTime at={item.since} now={now} />
          </span>
        ) : null}
        {item.until ? (
          <span>
            {text.blockers.until} <RelativeTime at={item.until} now={now} />
          </span>
        ) : null}
        {(item.runs ?? []).map((id) => (
          <Link key={id} to="/runs/$runId" params={{ runId: id }} className="underline">
            {text.blockers.run(id)}
          </Link>
        ))}
        {item.approval ? (
          <Link
            to="/inbox/$approvalId"
            params={{ approvalId: item.approval }}
            className={buttonLook({ size: 'small' })}
          >
            {text.run.look}
          </Link>
        ) : null}
      </p>
    </div>
  )
}

/** What is not listed, counted. */
function Rest({ live, groups }: { live: number; groups: readonly BlockerGroup[] }) {
  return (
    <p className="text-muted-foreground text-xs">
      {text.blockers.rest(live)}{' '}
      {groups.map(({ kind, type, count }) => text.blockers.group(count, type, kind)).join(', ')}
    </p>
  )
}
