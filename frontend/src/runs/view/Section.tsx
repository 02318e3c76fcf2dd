import type { ReactNode } from 'react'

/** A titled part of the inspector. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-1.5">
      <h2 className="font-medium text-muted-foreground text-xs">{title}</h2>
      {children}
    </section>
  )
}

/** What stands in place of something that is not there. */
export function Nothing({ children }: { children: ReactNode }) {
  return <p className="text-muted-foreground">{children}</p>
}
