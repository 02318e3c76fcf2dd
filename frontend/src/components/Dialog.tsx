import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { text } from '@/text'
import { Button } from './Button'
import { classes } from './classes'

interface DialogProps {
  open: boolean
  onClose: () => void
  title: string
  /** One sentence under the title; read to those who do not see it. */
  description?: string
  children: ReactNode
  className?: string
}

/** A modal window: focus stays inside, Escape and a click beside it close it. */
export function Dialog({ open, onClose, title, description, children, className }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => next || onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Radix.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          className={classes(
            'fixed top-[12vh] left-1/2 z-50 flex max-h-[76vh] w-[min(32rem,calc(100vw-2rem))] -translate-x-1/2 flex-col overflow-hidden rounded-lg border bg-popover text-popover-foreground shadow-xl',
            className,
          )}
        >
          <header className="flex items-center gap-3 border-b px-4 py-3">
            <div className="min-w-0 flex-1">
              <Radix.Title className="truncate text-sm font-semibold">{title}</Radix.Title>
              {description ? (
                <Radix.Description className="mt-0.5 text-muted-foreground">
                  {description}
                </Radix.Description>
              ) : null}
            </div>
            <Radix.Close asChild>
              <Button look="ghost" size="icon" aria-label={text.common.close} className="-my-1">
                <X />
              </Button>
            </Radix.Close>
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
