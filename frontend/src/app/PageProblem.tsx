import type { ErrorComponentProps } from '@tanstack/react-router'
import { ProblemNote } from '@/components/ProblemNote'

/** What a screen shows that cannot be drawn; the rail beside it stays. */
export function PageProblem({ error, reset }: ErrorComponentProps) {
  return (
    <div className="mx-auto max-w-xl p-8">
      <ProblemNote error={error} onRetry={reset} />
    </div>
  )
}
