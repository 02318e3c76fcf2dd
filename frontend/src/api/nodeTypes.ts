import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

/** What documents may use: built-in types and those that workers brought. Asked again while it
 *  is on show: a worker may be started beside an open flow. */
export const nodeTypesQuery = queryOptions({
  queryKey: ['node-types'],
  queryFn: ({ signal }) => unwrap(api.GET('/api/v1/node-types', { signal })),
  staleTime: 15_000,
  refetchInterval: 5_000,
})
