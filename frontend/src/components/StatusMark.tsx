import { statusLook } from '@/model/status'
import { classes } from './classes'
import { StatusGlyph } from './StatusGlyph'
import { StatusPill } from './StatusPill'

/** The pill of a state, or its icon alone where the screen is as narrow as a phone. */
export function StatusMark({ status, className }: { status: string; className?: string }) {
  return (
    <>
      <StatusPill status={status} className={classes('hidden sm:inline-flex', className)} />
      <span role="img" aria-label={statusLook(status).label} className="shrink-0 sm:hidden">
        <StatusGlyph status={status} className="size-4" />
      </span>
    </>
  )
}
