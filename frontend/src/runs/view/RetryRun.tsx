import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useRef, useState } from 'react'
import { type RetryWish, retryPreviewQuery, retryRun } from '@/api/retry'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import type { WorkflowDocument } from '@/model/document'
import type { RunView } from '@/model/run-fold'
import { recordOf } from '@/model/run-values'
import { text } from '@/text'
import { RetryBill } from './RetryBill'

/** Which step it begins with; null: what failed, or nothing kept. */
export interface RetryRequest {
  from: string | null
}

interface RetryRunProps {
  run: RunView
  document: WorkflowDocument | undefined
  /** Null: closed. */
  request: RetryRequest | null
  onClose: () => void
}

/** A new run that takes over what stands of this one: first what that would mean, then the start. */
export function RetryRun({ run, document, request, onClose }: RetryRunProps) {
  return (
    <Dialog
      open={request !== null}
      onClose={onClose}
      title={text.run.retry.title}
      description={text.run.retry.detail}
    >
      {request ? <Wish run={run} document={document} request={request} onClose={onClose} /> : null}
    </Dialog>
  )
}

const FAILED = '.failed'
const NEWEST = '.newest'

function Wish({ run, document, request, onClose }: RetryRunProps & { request: RetryRequest }) {
  const navigate = useNavigate()
  const nodes = document?.nodes ?? []
  const mayKeep = run.status !== 'succeeded'
  const [start, setStart] = useState(request.from ?? (mayKeep ? FAILED : (nodes[0]?.id ?? NEWEST)))
  const [written, setWritten] = useState(() => JSON.stringify(run.inputs ?? {}, null, 2))
  const inputs = readInputs(written)
  const wish: RetryWish = {
    ...(start === NEWEST ? { newest: true } : start === FAILED ? {} : { from: start }),
    ...(inputs && JSON.stringify(inputs) !== JSON.stringify(run.inputs) ? { inputs } : {}),
  }
  const asked = useDeferredValue(JSON.stringify(wish))
  const preview = useQuery(retryPreviewQuery(run.id, asked, inputs !== null))
  const keys = useRef(new Map<string, string>())
  const again = useMutation({
    mutationFn: () => retryRun(run.id, wish, keyOf(keys.current, JSON.stringify(wish))),
    onSuccess: ({ id }) => {
      onClose()
      void navigate({ to: '/runs/$runId', params: { runId: id } })
    },
  })
  const hasLargeInputs = Boolean(run.inputs_ref)
  const titleOf = (id: string): string => nodes.find((node) => node.id === id)?.title ?? id
  return (
    <form
      className="flex flex-col gap-4 p-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (preview.data) again.mutate()
      }}
    >
      <label className="flex flex-col gap-1">
        <span className="font-medium">{text.run.retry.start}</span>
        <select
          value={start}
          onChange={(event) => setStart(event.target.value)}
          className="h-8 rounded-md border border-input bg-background px-1.5"
        >
          {mayKeep ? <option value={FAILED}>{text.run.retry.fromFailed}</option> : null}
          {nodes.map(({ id }) => (
            <option key={id} value={id}>
              {text.run.retry.fromStep(titleOf(id))}
            </option>
          ))}
          {run.version === null ? null : <option value={NEWEST}>{text.run.retry.newest}</option>}
        </select>
      </label>
      {hasLargeInputs ? null : (
        <details>
          <summary className="cursor-pointer font-medium">{text.run.retry.inputs}</summary>
          <textarea
            aria-label={text.run.retry.inputs}
            rows={Math.min(Math.max(written.split('\n').length, 3), 10)}
            spellCheck={false}
            value={written}
            aria-invalid={inputs === null}
            onChange={(event) => setWritten(event.target.value)}
            className="mt-1.5 block w-full rounded-md border border-input bg-background px-2 py-1.5 font-mono text-xs aria-invalid:border-destructive"
          />
        </details>
      )}
      {preview.error ? (
        <ProblemNote error={preview.error} />
      ) : preview.data ? (
        <RetryBill bill={preview.data} titleOf={titleOf} />
      ) : (
        <Skeleton className="h-24 w-full" />
      )}
      {again.error ? <ProblemNote error={again.error} /> : null}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{text.common.cancel}</Button>
        <Button
          look="primary"
          type="submit"
          disabled={
            !preview.data || preview.isPlaceholderData || inputs === null || again.isPending
          }
        >
          {text.run.retry.submit}
        </Button>
      </div>
    </form>
  )
}

/** The same for one wish, so that a repeated click starts one run; another for another wish. */
function keyOf(keys: Map<string, string>, wish: string): string {
  const key = keys.get(wish) ?? crypto.randomUUID()
  keys.set(wish, key)
  return key
}

function readInputs(written: string): Record<string, unknown> | null {
  try {
    return recordOf(JSON.parse(written))
  } catch {
    return null
  }
}
