import { Button } from '@/components/Button'
import { RelativeTime } from '@/components/RelativeTime'
import { useNow } from '@/components/useNow'
import { text } from './text'

interface DraftNoteProps {
  at: number
  onDrop: () => void
  onKeep: () => void
}

/** Says that unsaved edits came back, and how to be rid of them. */
export function DraftNote({ at, onDrop, onKeep }: DraftNoteProps) {
  const now = useNow(60_000)
  return (
    <div role="status" className="flex items-center gap-3 border-b bg-surface px-4 py-1.5">
      <p className="min-w-0 flex-1">
        {text.draft.found} <RelativeTime at={new Date(at).toISOString()} now={now} />
      </p>
      <Button size="small" onClick={onDrop}>
        {text.draft.discard}
      </Button>
      <Button size="small" look="ghost" onClick={onKeep}>
        {text.draft.keep}
      </Button>
    </div>
  )
}
