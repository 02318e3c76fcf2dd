import { useQuery } from '@tanstack/react-query'
import { versionQuery } from '@/api/workflows'
import { Dialog } from '@/components/Dialog'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import { text } from '@/text'
import { StartRunForm } from './StartRunForm'

interface StartRunDialogProps {
  /** Null keeps the dialog closed. */
  workflow: string | null
  /** The latest, if left out. */
  version?: number
  onClose: () => void
}

/** Asks for the inputs of a workflow and starts it; leads to the run. */
export function StartRunDialog({ workflow, version, onClose }: StartRunDialogProps) {
  return (
    <Dialog
      open={workflow !== null}
      onClose={onClose}
      title={workflow === null ? '' : text.startRun.title(workflow)}
    >
      {workflow === null ? null : (
        <Body
          key={`${workflow}@${version}`}
          workflow={workflow}
          version={version}
          onClose={onClose}
        />
      )}
    </Dialog>
  )
}

interface BodyProps {
  workflow: string
  version: number | undefined
  onClose: () => void
}

function Body({ workflow, version, onClose }: BodyProps) {
  const { data, error, refetch } = useQuery(versionQuery(workflow, version))
  if (error && !data) {
    return <ProblemNote error={error} onRetry={() => void refetch()} className="m-4" />
  }
  if (!data) return <Skeleton className="m-4 h-24" />
  return <StartRunForm flow={data} onClose={onClose} />
}
