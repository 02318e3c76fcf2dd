import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

/** The JSON value with this digest; it never changes. */
export const blobQuery = (digest: string) =>
  queryOptions({
    queryKey: ['blobs', digest],
    queryFn: ({ signal }): Promise<unknown> =>
      unwrap(api.GET('/api/v1/blobs/{digest}', { params: { path: { digest } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  })
