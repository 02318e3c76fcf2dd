import type { ReactNode } from 'react'

interface SectionProps {
  title: string
  children: ReactNode
  isOpen?: boolean
}

/** A part of the panel that can be folded. */
export function Section({ title, children, isOpen = true }: SectionProps) {
  return (
    <details open={isOpen} className="border-t">
      <summary className="cursor-pointer px-4 py-2.5 font-semibold marker:text-muted-foreground">
        {title}
      </summary>
      <div className="space-y-4 px-4 pt-1 pb-4">{children}</div>
    </details>
  )
}
