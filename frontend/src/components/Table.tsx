import type { ComponentProps, ReactNode } from 'react'
import { classes } from './classes'
import { Skeleton } from './Skeleton'

interface TableProps {
  /** Said to those who do not see the page's title. */
  label: string
  /** One entry a column; null is a column of buttons without a title. */
  columns: readonly (string | null)[]
  /** Widths of the columns, as classes. */
  widths: readonly string[]
  children: ReactNode
}

/** Rows of 36 px under a title row that stays in sight. */
export function Table({ label, columns, widths, children }: TableProps) {
  return (
    <table aria-label={label} className="w-full table-fixed border-separate border-spacing-0">
      <thead>
        <tr>
          {columns.map((column, index) => (
            <th
              key={column ?? ''}
              scope="col"
              className={classes(
                'sticky top-0 z-10 h-8 border-b bg-background px-3 text-left font-medium text-muted-foreground text-xs first:pl-4 last:pr-4',
                widths[index],
              )}
            >
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}

export function Row({ className, ...rest }: ComponentProps<'tr'>) {
  return <tr className={classes('group hover:bg-surface', className)} {...rest} />
}

export function Cell({ className, ...rest }: ComponentProps<'td'>) {
  return (
    <td
      className={classes('h-9 truncate border-b px-3 first:pl-4 last:pr-4', className)}
      {...rest}
    />
  )
}

/** Rows of what is still loading, at their final height. */
export function SkeletonRows({ columns, rows = 8 }: { columns: number; rows?: number }) {
  const cells = Array.from({ length: columns }, (_, index) => index)
  return Array.from({ length: rows }, (_, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: all rows are the same
    <tr key={row}>
      {cells.map((cell) => (
        <Cell key={cell}>
          <Skeleton className={cell === 0 ? 'h-4 w-2/3' : 'h-4 w-1/2'} />
        </Cell>
      ))}
    </tr>
  ))
}
