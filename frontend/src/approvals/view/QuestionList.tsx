import { Link } from '@tanstack/react-router'
import type { InboxView } from '@/api/inbox'
import type { ApprovalLine } from '@/api/types'
import { Button } from '@/components/Button'
import { classes } from '@/components/classes'
import { EmptyState } from '@/components/EmptyState'
import { ProblemNote } from '@/components/ProblemNote'
import { RelativeTime } from '@/components/RelativeTime'
import { Skeleton } from '@/components/Skeleton'
import { StatusGlyph } from '@/components/StatusGlyph'
import { useNow } from '@/components/useNow'
import { timeUsed } from '@/model/proposal'
import { text } from '@/text'

interface QuestionListProps {
  list: {
    error: unknown
    isPending: boolean
    hasNextPage: boolean
    refetch: () => unknown
    fetchNextPage: () => unknown
  }
  items: readonly ApprovalLine[]
  selected: string | null
  view: InboxView
}

/** Rows of two lines. A problem of a later look does not hide what is known. */
export function QuestionList({ list, items, selected, view }: QuestionListProps) {
  const now = useNow(1_000)
  if (items.length === 0) {
    if (list.error) {
      return (
        <div className="p-3">
          <ProblemNote error={list.error} onRetry={() => void list.refetch()} />
        </div>
      )
    }
    if (list.isPending) return <Skeleton className="m-3 h-10" />
    const words = view === 'mine' ? text.inbox.emptyMine : text.inbox.emptyOther
    return <EmptyState title={words.title} detail={words.detail} />
  }
  return (
    <ol className="min-h-0 flex-1 overflow-y-auto">
      {items.map((item) => (
        <li key={item.id}>
          <QuestionRow item={item} now={now} isSelected={item.id === selected} />
        </li>
      ))}
      {list.hasNextPage ? (
        <li className="p-2 text-center">
          <Button size="small" onClick={() => void list.fetchNextPage()}>
            {text.common.loadMore}
          </Button>
        </li>
      ) : null}
    </ol>
  )
}

interface QuestionRowProps {
  item: ApprovalLine
  now: Date
  isSelected: boolean
}

function QuestionRow({ item, now, isSelected }: QuestionRowProps) {
  return (
    <Link
      to="/inbox/$approvalId"
      params={{ approvalId: item.id }}
      aria-current={isSelected}
      className={classes(
        'relative flex h-14 flex-col justify-center border-b px-3 hover:bg-accent',
        isSelected && 'bg-accent',
      )}
    >
      <span className="flex items-center gap-2">
        <StatusGlyph status={shownAs(item.status)} />
        <span className="min-w-0 flex-1 truncate font-medium" title={item.message}>
          <bdi>{item.message}</bdi>
        </span>
      </span>
      <span className="flex gap-2 pl-[22px] text-muted-foreground text-xs">
        <span className="min-w-0 flex-1 truncate">
          {item.workflow} · <span className="font-mono">{item.node}</span>
        </span>
        <RelativeTime at={item.decided_at ?? item.requested_at} now={now} />
      </span>
      {item.status === 'pending' ? <TimeBar item={item} now={now} /> : null}
    </Link>
  )
}

/** Pending is a word of the list only: to people it is a question that needs an answer. */
export function shownAs(status: string): string {
  return status === 'pending' ? 'needs_you' : status
}

function TimeBar({ item, now }: { item: ApprovalLine; now: Date }) {
  const used = timeUsed(item.requested_at, item.expires_at, now)
  if (used === null) return null
  return (
    <span
      aria-hidden
      className={classes(
        'absolute bottom-0 left-0 h-0.5',
        used > 0.9 ? 'bg-state-failed' : 'bg-state-needs-you/50',
      )}
      style={{ width: `${(1 - used) * 100}%` }}
    />
  )
}
