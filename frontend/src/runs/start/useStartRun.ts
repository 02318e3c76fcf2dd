import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useRef } from 'react'
import { startRun } from '@/api/runs'
import type { VersionView } from '@/api/types'
import { randomKey } from '@/model/randomKey'
import { toast } from '@/store/toasts'
import { text } from '@/text'

/** Start `flow` and go to its run. A second try of the same inputs carries the same idempotency
 * key: after an answer that got lost it finds the run that was started. */
export function useStartRun(flow: VersionView, onStarted: () => void) {
  const navigate = useNavigate()
  const client = useQueryClient()
  const tried = useRef({ body: '', key: '' })
  const { mutate, error, isPending } = useMutation({
    mutationFn: (inputs: Record<string, unknown>) => {
      const body = JSON.stringify(inputs)
      if (body !== tried.current.body) tried.current = { body, key: randomKey() }
      const workflow = `${flow.name}@${flow.version}`
      return startRun({ workflow, inputs, idempotencyKey: tried.current.key })
    },
    onSuccess: async ({ id }) => {
      toast({ tone: 'good', title: text.startRun.accepted, detail: flow.name })
      void client.invalidateQueries({ queryKey: ['runs'] })
      onStarted()
      await navigate({ to: '/runs/$runId', params: { runId: id } })
    },
  })
  return { run: mutate, error, isPending }
}
