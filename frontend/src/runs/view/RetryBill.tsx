import { Globe, Hand } from 'lucide-react'
import type { AgainView, RetryView } from '@/api/retry'
import { formatDuration } from '@/model/time'
import { text } from '@/text'

interface RetryBillProps {
  bill: RetryView
  titleOf: (id: string) => string
}

const WORDS = text.run.retry

/** What a retry takes over, what it does again, and what of that is felt outside. */
export function RetryBill({ bill: { reused, again, last }, titleOf }: RetryBillProps) {
  const outside = again.filter((each) => each.outside).length
  return (
    <section aria-label={WORDS.bill} className="flex flex-col gap-2">
      <p>
        <span className="font-medium">{WORDS.counted(reused.length, again.length)}</span>
        <span className="ml-2 text-muted-foreground">
          {WORDS.cost(formatDuration(last.duration_ms), tokensOf(last))}
        </span>
      </p>
      {outside > 0 ? <p className="text-state-counter">{WORDS.outside(outside)}</p> : null}
      <ul className="max-h-56 divide-y overflow-y-auto rounded-md border">
        {again.map((each) => (
          <li key={each.id} className="flex h-8 items-center gap-2 px-2.5">
            <span className="min-w-0 flex-1 truncate">{titleOf(each.id)}</span>
            {each.outside ? (
              <span title={WORDS.touches(each.method)} className="text-state-counter">
                <Globe aria-label={WORDS.touches(each.method)} className="size-3.5" />
              </span>
            ) : null}
            {each.asks_people ? (
              <span title={WORDS.asks} className="text-state-needs-you">
                <Hand aria-label={WORDS.asks} className="size-3.5" />
              </span>
            ) : null}
            <span className="truncate text-muted-foreground text-xs">
              {reasonOf(each, titleOf)}
            </span>
            <span className="w-16 shrink-0 text-right text-muted-foreground text-xs tabular-nums">
              {each.last ? formatDuration(each.last.duration_ms) : ''}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function tokensOf({ input_tokens, output_tokens }: RetryView['last']): number {
  return (input_tokens ?? 0) + (output_tokens ?? 0)
}

function reasonOf({ reason, after }: AgainView, titleOf: (id: string) => string): string {
  if (after !== null) return WORDS.after(titleOf(after))
  const words: Readonly<Record<string, string>> = WORDS.reasons
  return words[reason] ?? reason
}
