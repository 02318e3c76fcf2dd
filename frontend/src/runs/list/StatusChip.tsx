import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type RunFilter, runCountQuery } from '@/api/runs'
import { StatusGlyph } from '@/components/StatusGlyph'
import { statusLook } from '@/model/status'
import { text } from '@/text'

/** Of links between filters of one list: another filter is another place. */
export const ONLY_ITSELF = { exact: true, includeSearch: true }

interface StatusChipProps {
  status: string
  filter: RunFilter
}

/** A state as a filter, with how many runs are in it. Pressed again it lets go. */
export function StatusChip({ status, filter }: StatusChipProps) {
  const { workflow } = filter
  const { data } = useQuery(runCountQuery({ status, workflow }))
  const isChosen = filter.status === status
  if (!data?.count && !isChosen) return null
  return (
    <Link
      to="/runs"
      activeOptions={ONLY_ITSELF}
      search={{ ...(isChosen ? {} : { status }), ...(workflow ? { workflow } : {}) }}
      aria-current={isChosen ? 'true' : undefined}
      className="flex h-7 shrink-0 items-center gap-1.5 rounded-full border px-2.5 font-medium text-xs hover:bg-accent aria-[current]:border-foreground/40 aria-[current]:bg-accent"
    >
      <StatusGlyph status={status} />
      {statusLook(status).label}
      <span className="text-muted-foreground tabular-nums">
        {data ? text.runs.counted(data.count, data.more) : ''}
      </span>
    </Link>
  )
}
