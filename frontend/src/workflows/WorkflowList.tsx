import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { workflowsQuery } from '@/api/workflows'
import { buttonLook } from '@/components/Button'
import { LoadMore } from '@/components/LoadMore'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'
import { SkeletonRows, Table } from '@/components/Table'
import { useNow } from '@/components/useNow'
import { StartRunDialog } from '@/runs/start/StartRunDialog'
import { text } from '@/text'
import { NoWorkflows } from './NoWorkflows'
import { WorkflowRow } from './WorkflowRow'

const COLUMNS = [
  text.flows.columns.name,
  text.flows.columns.version,
  text.flows.columns.runs,
  text.flows.columns.updated,
  null,
]
const WIDTHS = [
  '',
  'hidden w-24 md:table-cell',
  'w-28 sm:w-56 xl:w-64',
  'hidden w-36 lg:table-cell',
  'w-16 md:w-64',
]

/** Every flow, the last changed first. */
export function WorkflowList() {
  const query = useInfiniteQuery(workflowsQuery)
  const [toRun, setToRun] = useState<string | null>(null)
  const now = useNow(10_000)
  const flows = query.data?.pages.flatMap((page) => page.items) ?? []
  const isEmpty = query.isSuccess && flows.length === 0
  return (
    <Page title={text.flows.title} actions={isEmpty ? null : <NewFlowLink />}>
      <div className="h-full overflow-y-auto">
        {query.error ? (
          <ProblemNote error={query.error} onRetry={() => void query.refetch()} className="m-4" />
        ) : null}
        {isEmpty ? <NoWorkflows /> : null}
        {isEmpty || query.isLoadingError ? null : (
          <Table label={text.flows.title} columns={COLUMNS} widths={WIDTHS}>
            {query.isPending ? <SkeletonRows columns={COLUMNS.length} /> : null}
            {flows.map((flow) => (
              <WorkflowRow key={flow.name} flow={flow} now={now} onRun={setToRun} />
            ))}
          </Table>
        )}
        <LoadMore query={query} />
      </div>
      <StartRunDialog workflow={toRun} onClose={() => setToRun(null)} />
    </Page>
  )
}

function NewFlowLink() {
  return (
    <Link to="/flows/new" className={buttonLook({ look: 'primary' })}>
      <Plus aria-hidden />
      {text.flows.create}
    </Link>
  )
}
