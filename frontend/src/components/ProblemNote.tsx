import { TriangleAlert } from 'lucide-react'
import { asProblem } from '@/api/client'
import { text } from '@/text'
import { Button } from './Button'
import { classes } from './classes'

interface ProblemNoteProps {
  /** Whatever was thrown. */
  error: unknown
  onRetry?: () => void
  className?: string
}

/** What went wrong, where, and what to do: a problem document for people. */
export function ProblemNote({ error, onRetry, className }: ProblemNoteProps) {
  const { document, status } = asProblem(error)
  const detail = status === 0 ? text.problem.unreachableDetail : document.detail
  return (
    <div
      role="alert"
      className={classes(
        'flex gap-2.5 rounded-md border border-destructive/40 bg-destructive/5 px-3 py-2.5',
        className,
      )}
    >
      <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-destructive" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">{document.title}</p>
        {detail ? <p className="break-words text-muted-foreground">{detail}</p> : null}
        {document.errors.length > 0 ? (
          <ul className="mt-1.5 space-y-1">
            {document.errors.map((fault) => (
              <li key={`${fault.pointer ?? fault.parameter}:${fault.detail}`}>
                <code className="mr-1.5 break-all font-mono text-xs">
                  {fault.pointer ?? fault.parameter}
                </code>
                <span className="break-words">{fault.detail}</span>
              </li>
            ))}
          </ul>
        ) : null}
        {document.incident ? (
          <p className="mt-1 text-muted-foreground">{text.problem.incident(document.incident)}</p>
        ) : null}
      </div>
      {onRetry ? (
        <Button size="small" onClick={onRetry}>
          {text.common.tryAgain}
        </Button>
      ) : null}
    </div>
  )
}
