import { useInfiniteQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { type UIEvent, useState } from 'react'
import { runsQuery } from '@/api/runs'
import { LoadMore } from '@/components/LoadMore'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'
import { SkeletonRows, Table } from '@/components/Table'
import { useNow } from '@/components/useNow'
import { text } from '@/text'
import { NewRuns } from './NewRuns'
import { NoRuns } from './NoRuns'
import { RunFilters } from './RunFilters'
import { RunRow } from './RunRow'
import { StaleStrip } from './StaleStrip'
import { StartAnyRun } from './StartAnyRun'

const { columns } = text.runs
const COLUMNS = [
  columns.state,
  columns.flow,
  columns.id,
  columns.started,
  columns.duration,
  columns.labels,
]
const WIDTHS = [
  'w-12 sm:w-36',
  '',
  'hidden w-64 xl:table-cell',
  'w-24 sm:w-28',
  'w-20 sm:w-28',
  'hidden w-56 md:table-cell',
]
const AT_TOP_PX = 8

/** Runs, newest first, by the filters in the address. New ones never move what is being read. */
export function RunList() {
  const filter = useSearch({ from: '/runs' })
  const query = useInfiniteQuery(runsQuery(filter))
  const [anchor, setAnchor] = useState<string | null>(null)
  const now = useNow()
  const runs = query.data?.pages.flatMap((page) => page.items) ?? []
  const held = Math.max(0, anchor === null ? 0 : runs.findIndex((run) => run.id === anchor))
  const isEmpty = query.isSuccess && runs.length === 0
  const scrolled = ({ currentTarget }: UIEvent): void => {
    const isAtTop = currentTarget.scrollTop < AT_TOP_PX
    if (isAtTop && held === 0) setAnchor(null)
    else if (anchor === null) setAnchor(runs[0]?.id ?? null)
  }
  return (
    <Page title={text.runs.title} actions={<StartAnyRun workflow={filter.workflow} />}>
      <div className="flex h-full flex-col">
        <RunFilters filter={filter} />
        <StaleStrip query={query} now={now} />
        <div className="relative min-h-0 flex-1">
          <NewRuns count={held} onShow={() => setAnchor(null)} />
          <div className="h-full overflow-y-auto" onScroll={scrolled}>
            {query.isLoadingError ? (
              <ProblemNote
                error={query.error}
                onRetry={() => void query.refetch()}
                className="m-4"
              />
            ) : null}
            {isEmpty ? <NoRuns filter={filter} /> : null}
            {isEmpty || query.isLoadingError ? null : (
              <Table label={text.runs.title} columns={COLUMNS} widths={WIDTHS}>
                {query.isPending ? <SkeletonRows columns={COLUMNS.length} rows={12} /> : null}
                {runs.slice(held).map((run) => (
                  <RunRow key={run.id} run={run} now={now} />
                ))}
              </Table>
            )}
            <LoadMore query={query} />
          </div>
        </div>
      </div>
    </Page>
  )
}
