import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'

const REFRESH_MS = 3_000

/** Why a run does not move. Asked again when the run moves, and now and then: places in line change
 * without an event of this run. */
export const blockersQuery = (id: string, seq: number) =>
  queryOptions({
    queryKey: ['runs', 'one', id, 'blockers', seq],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/runs/{run_id}/blockers', { params: { path: { run_id: id } }, signal }),
      ),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  })
