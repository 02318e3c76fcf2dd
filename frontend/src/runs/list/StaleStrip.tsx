import { relativeTime } from '@/model/time'
import { text } from '@/text'

interface StaleStripProps {
  query: { isRefetchError: boolean; dataUpdatedAt: number }
  now: Date
}

/** Says how old the rows are while the server does not answer. */
export function StaleStrip({ query, now }: StaleStripProps) {
  if (!query.isRefetchError) return null
  return (
    <p role="status" className="shrink-0 border-b bg-muted px-4 py-1.5 text-muted-foreground">
      {text.runs.stale(relativeTime(new Date(query.dataUpdatedAt), now))}
    </p>
  )
}
