import { RelativeTime } from '@/components/RelativeTime'
import { StatusGlyph } from '@/components/StatusGlyph'
import { StatusPill } from '@/components/StatusPill'
import { useNow } from '@/components/useNow'
import { text } from '@/text'

interface ClosedNoteProps {
  status: string
  at: string | null
  by: string | null
  comment: string | null
  /** Somebody here tried to decide after that. */
  isTooLate?: boolean
}

/** What closed a question, who, when. */
export function ClosedNote({ status, at, by, comment, isTooLate }: ClosedNoteProps) {
  const now = useNow(10_000)
  return (
    <div role="status" className="flex flex-col gap-1.5 rounded-md border bg-surface px-3 py-2.5">
      {isTooLate ? <p className="font-medium">{text.inbox.tooLate}</p> : null}
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        {isTooLate ? <StatusPill status={status} /> : <StatusGlyph status={status} />}
        {by ? (
          <span className="break-words">
            <bdi>{text.inbox.by(by)}</bdi>
          </span>
        ) : null}
        {at ? (
          <span className="text-muted-foreground">
            <RelativeTime at={at} now={now} />
          </span>
        ) : null}
      </p>
      {comment ? (
        <p className="whitespace-pre-wrap break-words">
          <bdi>{comment}</bdi>
        </p>
      ) : null}
    </div>
  )
}
