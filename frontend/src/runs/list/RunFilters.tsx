import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import type { RunFilter } from '@/api/runs'
import { workflowsQuery } from '@/api/workflows'
import { RUN_STATUSES } from '@/model/status'
import { text } from '@/text'
import { ONLY_ITSELF, StatusChip } from './StatusChip'

/** States with their counts, and the flow. The address holds what is chosen. */
export function RunFilters({ filter }: { filter: RunFilter }) {
  return (
    <div className="flex shrink-0 flex-col gap-2 border-b px-4 py-2 sm:flex-row sm:items-start sm:gap-3">
      <nav
        aria-label={text.runs.filterStateLabel}
        className="flex flex-1 gap-1.5 overflow-x-auto sm:flex-wrap sm:overflow-visible"
      >
        <Link
          to="/runs"
          activeOptions={ONLY_ITSELF}
          search={filter.workflow ? { workflow: filter.workflow } : {}}
          className="flex h-7 shrink-0 items-center rounded-full border px-3 font-medium text-xs hover:bg-accent aria-[current]:border-foreground/40 aria-[current]:bg-accent"
        >
          {text.runs.filterAll}
        </Link>
        {RUN_STATUSES.map((status) => (
          <StatusChip key={status} status={status} filter={filter} />
        ))}
      </nav>
      <FlowChoice filter={filter} />
    </div>
  )
}

function FlowChoice({ filter }: { filter: RunFilter }) {
  const { data } = useInfiniteQuery(workflowsQuery)
  const navigate = useNavigate()
  const names = data?.pages.flatMap((page) => page.items.map((flow) => flow.name)) ?? []
  const { status, workflow } = filter
  if (workflow !== undefined && !names.includes(workflow)) names.unshift(workflow)
  const choose = (name: string): void => {
    const search = { ...(status ? { status } : {}), ...(name ? { workflow: name } : {}) }
    void navigate({ to: '/runs', search })
  }
  return (
    <select
      aria-label={text.runs.filterFlowLabel}
      value={workflow ?? ''}
      onChange={(event) => choose(event.target.value)}
      className="h-7 w-full shrink-0 sm:w-48 truncate rounded-md border bg-card px-2"
    >
      <option value="">{text.runs.filterFlow}</option>
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  )
}
