import { Tabs as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { classes } from './classes'

export interface TabItem<Name extends string> {
  name: Name
  label: string
  /** Behind the label: how many there are. */
  count?: number
  content: ReactNode
}

interface TabsProps<Name extends string> {
  label: string
  items: readonly TabItem<Name>[]
  value: Name
  onChange: (name: Name) => void
  /** Right of the tabs. */
  aside?: ReactNode
  className?: string
}

/** Tabs over a pane that fills what is left. */
export function Tabs<Name extends string>(props: TabsProps<Name>) {
  const { label, items, value, onChange, aside, className } = props
  return (
    <Radix.Root
      value={value}
      onValueChange={(next) => onChange(next as Name)}
      className={classes('flex min-h-0 min-w-0 flex-1 flex-col', className)}
    >
      <div className="flex h-9 shrink-0 items-stretch gap-1 border-b px-2">
        <Radix.List
          aria-label={label}
          className="flex min-w-0 flex-1 items-stretch overflow-x-auto"
        >
          {items.map((item) => (
            <Radix.Trigger
              key={item.name}
              value={item.name}
              className="-mb-px flex shrink-0 focus-visible:rounded-md focus-visible:-outline-offset-4 items-center gap-1.5 border-transparent border-b-2 px-2 text-muted-foreground hover:text-foreground data-[state=active]:border-primary data-[state=active]:font-medium data-[state=active]:text-foreground"
            >
              {item.label}
              {item.count ? (
                <span className="rounded-full bg-accent px-1.5 text-[11px] tabular-nums">
                  {item.count}
                </span>
              ) : null}
            </Radix.Trigger>
          ))}
        </Radix.List>
        {aside}
      </div>
      {items.map((item) => (
        <Radix.Content
          key={item.name}
          value={item.name}
          className="min-h-0 flex-1 overflow-auto outline-none"
        >
          {item.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  )
}
