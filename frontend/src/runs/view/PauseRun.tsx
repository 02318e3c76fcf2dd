import { useMutation } from '@tanstack/react-query'
import { Pause, Play } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { asProblem } from '@/api/client'
import { pauseRun, resumeRun } from '@/api/run'
import { Button } from '@/components/Button'
import { toast } from '@/store/toasts'
import { text } from '@/text'

interface PauseRunProps {
  id: string
  isPaused: boolean
}

/** Hold the run, or let it go on. That it did is told by its events. */
export function PauseRun({ id, isPaused }: PauseRunProps) {
  // The same key until the order is done, so that a repeated click orders once.
  const key = useRef(crypto.randomUUID())
  const order = useMutation({
    mutationFn: () => (isPaused ? resumeRun : pauseRun)(id, key.current),
    onError: (error) => {
      key.current = crypto.randomUUID()
      const { title, detail } = asProblem(error).document
      toast({ tone: 'bad', title, detail })
    },
  })
  const { reset } = order
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new state asks for a new order
  useEffect(() => {
    key.current = crypto.randomUUID()
    reset()
  }, [isPaused, reset])
  const Icon = isPaused ? Play : Pause
  return (
    <Button
      size="small"
      disabled={order.isPending || order.isSuccess}
      onClick={() => order.mutate()}
    >
      <Icon aria-hidden />
      {isPaused ? text.run.resume : text.run.pause}
    </Button>
  )
}
