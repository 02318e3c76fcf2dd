import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { sendMessage } from '@/api/run'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ProblemNote } from '@/components/ProblemNote'
import { text } from '@/text'

interface SendMessageProps {
  run: string
  /** The name that a step waits for. */
  name: string
}

/** The button, and what goes with the message. That the step took it is told by the events. */
export function SendMessage({ run, name }: SendMessageProps) {
  const [key, setKey] = useState<string | null>(null)
  const [written, setWritten] = useState('')
  const data = readData(written)
  const send = useMutation({
    mutationFn: (idempotencyKey: string) =>
      sendMessage({ run, name, data: data?.value ?? null, idempotencyKey }),
    onSuccess: () => setKey(null),
  })
  return (
    <>
      <Button
        size="small"
        onClick={() => {
          send.reset()
          setKey(crypto.randomUUID())
        }}
      >
        {text.run.message.send}
      </Button>
      <Dialog
        open={key !== null}
        onClose={() => setKey(null)}
        title={text.run.message.title(name)}
        description={text.run.message.detail}
      >
        <form
          className="flex flex-col gap-3 p-4"
          onSubmit={(event) => {
            event.preventDefault()
            if (key !== null && data !== null) send.mutate(key)
          }}
        >
          <label className="flex flex-col gap-1">
            <span className="font-medium">{text.run.message.data}</span>
            <textarea
              rows={5}
              spellCheck={false}
              value={written}
              placeholder='{"amount": 12}'
              aria-invalid={data === null}
              onChange={(event) => setWritten(event.target.value)}
              className="rounded-md border border-input bg-background px-2 py-1.5 font-mono text-xs aria-invalid:border-destructive"
            />
            {data === null ? (
              <span className="text-[11px] text-destructive">{text.run.message.badJson}</span>
            ) : null}
          </label>
          {send.error ? <ProblemNote error={send.error} /> : null}
          <div className="flex justify-end gap-2">
            <Button onClick={() => setKey(null)}>{text.common.cancel}</Button>
            <Button look="primary" type="submit" disabled={data === null || send.isPending}>
              {text.run.message.send}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}

/** Nothing is null; null: it is no JSON. */
function readData(written: string): { value: unknown } | null {
  if (written.trim() === '') return { value: null }
  try {
    return { value: JSON.parse(written) }
  } catch {
    return null
  }
}
