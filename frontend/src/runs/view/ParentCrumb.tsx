import { Link } from '@tanstack/react-router'
import { ChevronRight, CornerLeftUp } from 'lucide-react'
import type { RunView } from '@/model/run-fold'
import { numberOf, textOf } from '@/model/run-values'
import { text } from '@/text'
import { shortId } from './shortId'

/** Of a child run: the way back to the run and the step that started it. */
export function ParentCrumb({ parent }: { parent: RunView['parent'] }) {
  const run = textOf(parent?.run)
  if (run === null) return null
  const item = numberOf(parent?.item)
  const node = textOf(parent?.node) ?? ''
  return (
    <nav aria-label={text.run.crumb} className="flex shrink-0 items-center gap-1 text-xs">
      <Link
        to="/runs/$runId"
        params={{ runId: run }}
        title={run}
        className="flex items-center gap-1 text-muted-foreground hover:text-foreground hover:underline"
      >
        <CornerLeftUp aria-hidden className="size-3.5" />
        <span className="font-mono">{shortId(run)}</span>
      </Link>
      <ChevronRight aria-hidden className="size-3.5 text-muted-foreground" />
      <span className="max-w-40 truncate font-mono" title={node}>
        {node}
      </span>
      {item === null ? null : (
        <span className="text-muted-foreground">{text.run.children.item(item)}</span>
      )}
      <ChevronRight aria-hidden className="size-3.5 text-muted-foreground" />
    </nav>
  )
}
