import { exactTime, relativeTime } from '@/model/time'

/** "5 min ago" with the exact instant on hover. */
export function RelativeTime({ at, now }: { at: string; now: Date }) {
  const instant = new Date(at)
  return (
    <time dateTime={at} title={exactTime(instant)} className="whitespace-nowrap">
      {relativeTime(instant, now)}
    </time>
  )
}
