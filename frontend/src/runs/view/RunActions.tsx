import { RotateCcw } from 'lucide-react'
import { Button } from '@/components/Button'
import type { RunView } from '@/model/run-fold'
import { hasEnded } from '@/model/status'
import { text } from '@/text'
import { CancelRun } from './CancelRun'
import { DeleteRun } from './DeleteRun'
import { PauseRun } from './PauseRun'

interface RunActionsProps {
  run: RunView
  onRetry: () => void
}

/** A child run answers to its parent: it is run again, and deleted, with that. */
export const mayRetry = ({ status, parent }: RunView): boolean => hasEnded(status) && !parent

/** What a person may do to the run as it stands. */
export function RunActions({ run, onRetry }: RunActionsProps) {
  const { id, status } = run
  if (mayRetry(run)) {
    return (
      <>
        <DeleteRun id={id} />
        <Button size="small" onClick={onRetry}>
          <RotateCcw aria-hidden />
          {text.run.retry.open}
        </Button>
      </>
    )
  }
  if (hasEnded(status) || status === 'cancelling' || status === 'compensating') return null
  return (
    <>
      <PauseRun id={id} isPaused={status === 'paused'} />
      <CancelRun id={id} />
    </>
  )
}
