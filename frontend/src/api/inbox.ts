import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, unwrap, unwrapWithResponse } from './client'

export type InboxView = 'mine' | 'all' | 'decided' | 'expired'

const PAGE = 50
const POLL_MS = 3_000

const STATUSES: Readonly<Record<InboxView, string[]>> = {
  mine: ['pending'],
  all: ['pending'],
  decided: ['approved', 'rejected'],
  expired: ['expired', 'cancelled'],
}

/** The questions of a view, the newest first. */
export const inboxQuery = (view: InboxView, workflow: string) =>
  infiniteQueryOptions({
    queryKey: ['approvals', 'list', view, workflow],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/approvals', {
          params: {
            query: {
              status: STATUSES[view],
              limit: PAGE,
              cursor: pageParam,
              ...(view === 'mine' ? { mine: true } : {}),
              ...(workflow ? { workflow } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  })

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: ['approvals', 'one', id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/approvals/{approval_id}', {
          params: { path: { approval_id: id } },
          signal,
        }),
      ),
    refetchInterval: ({ state }) => (state.data?.status === 'pending' ? POLL_MS : false),
  })

export interface Decision {
  decision: 'approve' | 'reject'
  comment: string
  /** Absent: on the proposal as it is. */
  payload?: unknown
}

/** Decide. `recorded` is false if it stands but may still lose. Throws Problem. */
export async function decide(id: string, decision: Decision): Promise<{ recorded: boolean }> {
  const { response } = await unwrapWithResponse(
    api.POST('/api/v1/approvals/{approval_id}/decision', {
      params: { path: { approval_id: id } },
      body: decision,
    }),
  )
  return { recorded: response.status === 200 }
}
