import type { ReactNode } from 'react'

interface EmptyStateProps {
  title: string
  detail: string
  children?: ReactNode
}

/** Why nothing is here, and the one thing to do about it. */
export function EmptyState({ title, detail, children }: EmptyStateProps) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-1 px-4 py-16 text-center">
      <h2 className="text-sm font-semibold">{title}</h2>
      <p className="text-muted-foreground">{detail}</p>
      {children ? <div className="mt-4 flex gap-2">{children}</div> : null}
    </div>
  )
}
