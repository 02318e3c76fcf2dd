import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

const PAGE = 50

export const workflowsQuery = infiniteQueryOptions({
  queryKey: ['workflows'],
  queryFn: ({ pageParam, signal }) =>
    unwrap(
      api.GET('/api/v1/workflows', {
        params: { query: { limit: PAGE, cursor: pageParam } },
        signal,
      }),
    ),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor ?? null,
})

export const versionsQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ['workflows', name, 'versions'],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/workflows/{name}/versions', {
          params: { path: { name }, query: { limit: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  })

/** The latest version, or the one asked for, with its document. */
export const versionQuery = (name: string, version?: number) =>
  queryOptions({
    queryKey: ['workflows', name, 'version', version ?? 'latest'],
    queryFn: ({ signal }) =>
      version === undefined
        ? unwrap(api.GET('/api/v1/workflows/{name}', { params: { path: { name } }, signal }))
        : unwrap(
            api.GET('/api/v1/workflows/{name}/versions/{version}', {
              params: { path: { name, version } },
              signal,
            }),
          ),
  })
