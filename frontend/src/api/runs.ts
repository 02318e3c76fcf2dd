import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

export interface RunFilter {
  status?: string | undefined
  workflow?: string | undefined
}

const PAGE = 50
const LIST_POLL_MS = 2_000
const COUNT_LIMIT = 100

function query(filter: RunFilter) {
  return {
    ...(filter.status ? { status: [filter.status] } : {}),
    ...(filter.workflow ? { workflow: filter.workflow } : {}),
  }
}

export const runsQuery = (filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: ['runs', filter],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/runs', {
          params: { query: { ...query(filter), limit: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    // A list that was unrolled far is read whole each time, so it is read less often.
    refetchInterval: (query) => LIST_POLL_MS * Math.max(1, query.state.data?.pages.length ?? 1),
  })

/** How many runs match, up to `COUNT_LIMIT`; `more` says that there are others. */
export const runCountQuery = (filter: RunFilter) =>
  queryOptions({
    queryKey: ['runs', 'count', filter],
    queryFn: async ({ signal }) => {
      const page = await unwrap(
        api.GET('/api/v1/runs', {
          params: { query: { ...query(filter), limit: COUNT_LIMIT } },
          signal,
        }),
      )
      return { count: page.items.length, more: Boolean(page.next_cursor) }
    },
    refetchInterval: LIST_POLL_MS * 3,
  })

const CHILD_PAGE = 50

/** The child runs of a run, newest first. They are recorded a moment after their end was told. */
export const childRunsQuery = (parent: string, status: readonly string[], isOver: boolean) =>
  infiniteQueryOptions({
    queryKey: ['runs', 'children', parent, status, isOver],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/runs', {
          params: {
            query: {
              parent,
              ...(status.length > 0 ? { status: [...status] } : {}),
              limit: CHILD_PAGE,
              cursor: pageParam,
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    refetchInterval: (query) => {
      const isSettled = isOver && query.state.data?.pages.every((page) => page.items.every(hasEnd))
      return isSettled ? false : LIST_POLL_MS * Math.max(1, query.state.data?.pages.length ?? 1)
    },
    placeholderData: keepPreviousData,
  })

const hasEnd = ({ ended_at }: { ended_at: string | null }): boolean => ended_at !== null

export interface RunStart {
  /** `name`, `name@latest` or `name@<version>`. */
  workflow: string
  inputs: Record<string, unknown>
  /** The same at every try of one intention, so that a repeated click starts one run. */
  idempotencyKey: string
}

export function startRun({ workflow, inputs, idempotencyKey }: RunStart) {
  return unwrap(
    api.POST('/api/v1/runs', {
      params: { header: { 'Idempotency-Key': idempotencyKey } },
      body: { workflow, inputs },
    }),
  )
}

/** The newest run of a workflow, or null. */
export const latestRunQuery = (workflow: string) =>
  queryOptions({
    queryKey: ['runs', 'latest', workflow],
    queryFn: async ({ signal }) => {
      const page = await unwrap(
        api.GET('/api/v1/runs', { params: { query: { workflow, limit: 1 } }, signal }),
      )
      return page.items[0] ?? null
    },
    refetchInterval: LIST_POLL_MS * 5,
  })
