import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

export const infoQuery = queryOptions({
  queryKey: ['info'],
  queryFn: ({ signal }) => unwrap(api.GET('/api/v1/info', { signal })),
  staleTime: 60_000,
})

/** Ask whom `key` stands for. Throws Problem: 401 if it is refused. */
export function checkKey(key: string) {
  return unwrap(api.GET('/api/v1/info', { headers: { Authorization: `Bearer ${key}` } }))
}
