import { useNow } from '@/components/useNow'
import { relativeTime } from '@/model/time'
import { text } from '@/text'
import type { Link } from '../feed/RunFeed'

/** Says when what is shown may be old; nothing while it is fresh. */
export function LinkStrip({ link, heardAt }: { link: Link; heardAt: Date }) {
  const now = useNow()
  if (link !== 'lost' && link !== 'polling') return null
  return (
    <p
      role="status"
      className="shrink-0 border-b bg-muted px-4 py-1 text-muted-foreground text-xs tabular-nums"
    >
      {link === 'lost' ? text.run.stale(relativeTime(heardAt, now)) : text.run.polling}
    </p>
  )
}
