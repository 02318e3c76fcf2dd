import type { RunView } from '@/model/run-fold'
import { hasEnded } from '@/model/status'
import { CancelRun } from './CancelRun'
import { PauseRun } from './PauseRun'

/** What a person may do to the run as it stands. */
export function RunActions({ run: { id, status } }: { run: RunView }) {
  if (hasEnded(status) || status === 'cancelling' || status === 'compensating') return null
  return (
    <>
      <PauseRun id={id} isPaused={status === 'paused'} />
      <CancelRun id={id} />
    </>
  )
}
