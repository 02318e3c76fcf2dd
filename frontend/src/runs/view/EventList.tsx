import { useVirtualizer } from '@tanstack/react-virtual'
import { Diamond } from 'lucide-react'
import { useMemo, useRef } from 'react'
import { StatusGlyph } from '@/components/StatusGlyph'
import type { EventView } from '@/model/run-fold'
import { detailOfEvent, messageNames, stateOfEvent } from '@/model/run-history'
import { PATCHED_COLOUR } from '@/model/status'
import { exactTime } from '@/model/time'
import { text } from '@/text'

const ROW = 28

interface EventListProps {
  events: readonly EventView[]
  onSelect: (node: string) => void
}

/** The history, newest first. Only the rows in sight are in the page. */
export function EventList({ events, onSelect }: EventListProps) {
  const frame = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: events.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW,
    overscan: 12,
  })
  const messages = useMemo(() => messageNames(events), [events])
  if (events.length === 0) {
    return <p className="p-4 text-muted-foreground">{text.run.noEvents}</p>
  }
  return (
    <div ref={frame} className="h-full overflow-auto">
      <ol className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, start }) => {
          const event = events[events.length - 1 - index]
          return event ? (
            <li
              key={event.id}
              className="absolute inset-x-0"
              style={{ height: ROW, transform: `translateY(${start}px)` }}
            >
              <EventRow event={event} detail={detailOfEvent(event, messages)} onSelect={onSelect} />
            </li>
          ) : null
        })}
      </ol>
    </div>
  )
}

interface EventRowProps {
  event: EventView
  detail: string
  onSelect: EventListProps['onSelect']
}

function EventRow({ event, detail, onSelect }: EventRowProps) {
  const state = stateOfEvent(event)
  const at = new Date(event.time)
  return (
    <button
      type="button"
      disabled={!event.node}
      onClick={() => event.node && onSelect(event.node)}
      className="grid h-full w-full grid-cols-[2rem_5.75rem_1rem_7.5rem_minmax(4rem,8rem)_minmax(0,1fr)] items-center gap-2 border-b px-3 text-left text-xs enabled:hover:bg-accent"
    >
      <span className="text-right text-muted-foreground tabular-nums">{event.id}</span>
      <time
        dateTime={event.time}
        title={exactTime(at)}
        className="font-mono text-muted-foreground tabular-nums"
      >
        {at.toLocaleTimeString('en-GB', { hour12: false })}.
        {String(at.getMilliseconds()).padStart(3, '0')}
      </time>
      {state ? <StatusGlyph status={state} /> : <PatchGlyph event={event} />}
      <span className="truncate">{event.type}</span>
      <span className="truncate font-mono">{event.node}</span>
      <span className="truncate text-muted-foreground">
        <bdi>{detail}</bdi>
      </span>
    </button>
  )
}

/** A patch is no state: it has the colour of its mark on the cards. */
function PatchGlyph({ event }: { event: EventView }) {
  if (!event.type.startsWith('patch.')) return <span />
  const isRefused = event.type === 'patch.refused'
  const colour = isRefused ? 'var(--state-failed)' : PATCHED_COLOUR
  return <Diamond aria-hidden className="size-3.5" strokeWidth={2.25} style={{ color: colour }} />
}
