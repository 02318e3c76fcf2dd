import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

const COUNT_LIMIT = 100
const POLL_MS = 5_000

/** How many questions wait for whoever is signed in, up to 100. */
export const inboxCountQuery = queryOptions({
  queryKey: ['approvals', 'count'],
  queryFn: async ({ signal }) => {
    const page = await unwrap(
      api.GET('/api/v1/approvals', {
        params: { query: { status: ['pending'], mine: true, limit: COUNT_LIMIT } },
        signal,
      }),
    )
    return { count: page.items.length, more: Boolean(page.next_cursor) }
  },
  refetchInterval: POLL_MS,
})
