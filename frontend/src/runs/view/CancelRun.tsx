import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { cancelRun } from '@/api/run'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ProblemNote } from '@/components/ProblemNote'
import { toast } from '@/store/toasts'
import { text } from '@/text'

/** The button, and the question before it acts. That the run is cancelled is told by its events. */
export function CancelRun({ id }: { id: string }) {
  const [key, setKey] = useState<string | null>(null)
  const [reason, setReason] = useState('')
  const cancel = useMutation({
    mutationFn: (idempotencyKey: string) => cancelRun(id, reason, idempotencyKey),
    onSuccess: () => {
      toast({ tone: 'plain', title: text.run.cancelSent })
      setKey(null)
    },
  })
  return (
    <>
      <Button
        size="small"
        onClick={() => {
          cancel.reset()
          setKey(crypto.randomUUID())
        }}
      >
        {text.run.cancel}
      </Button>
      <Dialog
        open={key !== null}
        onClose={() => setKey(null)}
        title={text.run.cancelTitle}
        description={text.run.cancelDetail}
      >
        <form
          className="flex flex-col gap-3 p-4"
          onSubmit={(event) => {
            event.preventDefault()
            if (key !== null) cancel.mutate(key)
          }}
        >
          <label className="flex flex-col gap-1">
            <span className="font-medium">{text.run.cancelReason}</span>
            <input
              value={reason}
              onChange={(event) => setReason(event.target.value)}
              className="h-8 rounded-md border border-input bg-background px-2"
            />
          </label>
          {cancel.error ? <ProblemNote error={cancel.error} /> : null}
          <div className="flex justify-end gap-2">
            <Button onClick={() => setKey(null)}>{text.run.cancelKeep}</Button>
            <Button look="danger" type="submit" disabled={cancel.isPending}>
              {cancel.isPending ? text.run.cancelling : text.run.cancel}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
