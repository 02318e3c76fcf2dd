import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { runQuery } from '@/api/run'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import { text } from '@/text'
import { RunScreen } from './view/RunScreen'

export function RunPage() {
  const { runId } = useParams({ from: '/runs/$runId' })
  const { data, error, refetch } = useQuery(runQuery(runId))
  if (data) return <RunScreen key={data.id} first={data} />
  return (
    <Page title={runId} heading={<Skeleton className="h-5 w-80" />}>
      {error ? (
        <div className="mx-auto max-w-xl p-6">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      ) : (
        <output aria-label={text.run.loading} className="block p-6">
          <Skeleton className="h-14 w-52" />
        </output>
      )}
    </Page>
  )
}
