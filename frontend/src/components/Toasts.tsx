import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { Toast as Radix } from 'radix-ui'
import { type Toast, useToasts } from '@/store/toasts'
import { text } from '@/text'

/** Short messages at the lower right; `toast()` of the store adds one. */
export function Toasts() {
  const items = useToasts((state) => state.items)
  return (
    <Radix.Provider swipeDirection="right" duration={6_000}>
      {items.map((each) => (
        <ToastCard key={each.id} toast={each} />
      ))}
      <Radix.Viewport className="fixed right-4 bottom-4 z-50 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2 outline-none" />
    </Radix.Provider>
  )
}

function ToastCard({ toast }: { toast: Toast }) {
  const dismiss = useToasts((state) => state.dismiss)
  return (
    <Radix.Root
      onOpenChange={(open) => open || dismiss(toast.id)}
      className="flex items-start gap-2.5 rounded-md border bg-popover px-3 py-2.5 text-popover-foreground shadow-lg"
    >
      {toast.tone === 'good' ? (
        <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-state-succeeded" />
      ) : null}
      {toast.tone === 'bad' ? (
        <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-state-failed" />
      ) : null}
      <div className="min-w-0 flex-1">
        <Radix.Title className="break-words font-medium">{toast.title}</Radix.Title>
        {toast.detail ? (
          <Radix.Description className="break-words text-muted-foreground">
            {toast.detail}
          </Radix.Description>
        ) : null}
      </div>
      <Radix.Close aria-label={text.common.close} className="rounded-sm p-0.5 hover:bg-accent">
        <X aria-hidden className="size-3.5" />
      </Radix.Close>
    </Radix.Root>
  )
}
