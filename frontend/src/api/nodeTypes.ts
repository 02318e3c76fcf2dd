import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

/** What documents may use: built-in types and those that workers brought. */
export const nodeTypesQuery = queryOptions({
  queryKey: ['node-types'],
  queryFn: ({ signal }) => unwrap(api.GET('/api/v1/node-types', { signal })),
  staleTime: 15_000,
})
