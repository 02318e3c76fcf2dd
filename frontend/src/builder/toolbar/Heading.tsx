import { Link } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { documentOf, hasChanges, useBuilder } from '@/store/builder'
import { text as words } from '@/text'
import { text } from '../text'

/** Where one is, which version it is and whether it is saved. */
export function Heading({ isSaving }: { isSaving: boolean }) {
  const document = useBuilder(documentOf)
  const base = useBuilder((state) => state.base)
  const changed = useBuilder(hasChanges)
  const state = isSaving
    ? text.state.saving
    : changed
      ? text.state.changed
      : base
        ? text.state.saved(base.version)
        : text.state.fresh
  return (
    <>
      <Link to="/flows" className="shrink-0 text-muted-foreground hover:text-foreground">
        {words.rail.flows}
      </Link>
      <ChevronRight aria-hidden className="size-3.5 shrink-0 text-muted-foreground" />
      <h1 className="truncate font-semibold text-sm">{document.title || document.name}</h1>
      {base ? (
        <span className="shrink-0 rounded-sm border px-1.5 font-mono text-[11px] text-muted-foreground">
          {words.common.version(base.version)}
        </span>
      ) : null}
      <span
        role="status"
        className="flex min-w-0 items-center gap-1.5 text-muted-foreground text-xs"
      >
        {changed ? <span aria-hidden className="size-1.5 rounded-full bg-state-running" /> : null}
        <span className="truncate">{state}</span>
      </span>
    </>
  )
}
