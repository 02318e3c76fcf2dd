import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import type { WorkflowDocument } from '@/model/document'
import { Problem } from '@/model/problem'
import type { TurnView } from '@/model/turns'
import { api, unwrap, unwrapWithResponse } from './client'
import type { components } from './schema'

type TurnPage = components['schemas']['TurnPage']

const PAGE = 200
const EVENT_PAGE = 1_000
const WAIT_S = 10

const at = (run_id: string) => ({ params: { path: { run_id } } })

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['runs', 'one', id],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/runs/{run_id}', { ...at(id), signal })),
    // A socket keeps it fresh from here on.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })

/** The document with `digest`. Sockets tell of a patch a moment before REST knows of it: until
 * then this is asked again. */
export const runDocumentQuery = (id: string, digest: string) =>
  queryOptions({
    queryKey: ['runs', 'one', id, 'document', digest],
    queryFn: async ({ signal }) => {
      const { data, response } = await unwrapWithResponse(
        api.GET('/api/v1/runs/{run_id}/document', { ...at(id), signal }),
      )
      if (response.headers.get('ETag') !== `"${digest}"`) throw behind()
      return data as unknown as WorkflowDocument
    },
    retry: 20,
    retryDelay: 250,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  })

function behind(): Problem {
  const title = 'The document is not recorded yet'
  return new Problem({ type: 'about:blank', title, status: 503, detail: '', errors: [] })
}

export const runPatchesQuery = (id: string, changes: number) =>
  queryOptions({
    queryKey: ['runs', 'one', id, 'patches', changes],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/runs/{run_id}/patches', {
          params: { path: { run_id: id }, query: { limit: PAGE } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  })

export const runApprovalsQuery = (id: string, changes: number, isOpen: boolean) =>
  queryOptions({
    queryKey: ['approvals', 'run', id, changes],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/approvals', {
          params: { query: { run: id, status: ['pending'], limit: PAGE } },
          signal,
        }),
      ),
    // The event comes before its projection is recorded.
    refetchInterval: isOpen ? 3_000 : false,
    placeholderData: keepPreviousData,
  })

export const workersQuery = (isWanted: boolean) =>
  queryOptions({
    queryKey: ['workers'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/workers', { signal })),
    enabled: isWanted,
    refetchInterval: 5_000,
  })

/** The whole node; `version` is anything that changes when the node does. */
export const nodeQuery = (id: string, node: string, version: string) =>
  queryOptions({
    queryKey: ['runs', 'one', id, 'node', node, version],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/runs/{run_id}/nodes/{node}', {
          params: { path: { run_id: id, node } },
          signal,
        }),
      ),
  })

export const nodeLogsQuery = (id: string, node: string) =>
  infiniteQueryOptions({
    queryKey: ['runs', 'one', id, 'logs', node],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/runs/{run_id}/nodes/{node}/logs', {
          params: { path: { run_id: id, node }, query: { limit: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  })

/** Every turn of an agent node, of all its executions; `version` is anything that changes when the
 * node does. */
export const nodeTurnsQuery = (id: string, node: string, version: string) =>
  queryOptions({
    queryKey: ['runs', 'one', id, 'turns', node, version],
    queryFn: async ({ signal }) => {
      const turns: TurnView[] = []
      let cursor: string | null = null
      do {
        const page: TurnPage = await unwrap(
          api.GET('/api/v1/runs/{run_id}/nodes/{node}/turns', {
            params: { path: { run_id: id, node }, query: { limit: PAGE, cursor } },
            signal,
          }),
        )
        turns.push(...page.items)
        cursor = page.next_cursor ?? null
      } while (cursor)
      return turns
    },
    placeholderData: keepPreviousData,
  })

export function runNodes(id: string, cursor: string, signal: AbortSignal) {
  return unwrap(
    api.GET('/api/v1/runs/{run_id}/nodes', {
      params: { path: { run_id: id }, query: { limit: PAGE, cursor } },
      signal,
    }),
  )
}

/** A page of the history; with `wait` a long poll. */
export function runEvents(id: string, after: number, wait: boolean, signal: AbortSignal) {
  return unwrap(
    api.GET('/api/v1/runs/{run_id}/events', {
      params: {
        path: { run_id: id },
        query: { after, limit: EVENT_PAGE, ...(wait ? { wait: WAIT_S } : {}) },
      },
      signal,
    }),
  )
}

export function runLive(id: string, after: string, signal: AbortSignal) {
  return unwrap(
    api.GET('/api/v1/runs/{run_id}/live', {
      params: { path: { run_id: id }, query: after ? { after } : {} },
      signal,
    }),
  )
}

/** Address of a socket of the run, with a ticket that opens it once. */
export async function runSocketAddress(id: string, signal: AbortSignal): Promise<string> {
  const { url, ticket } = await unwrap(api.POST('/api/v1/tickets', { signal }))
  return `${url}/ws/runs/${encodeURIComponent(id)}?ticket=${encodeURIComponent(ticket)}`
}

export function cancelRun(id: string, reason: string, idempotencyKey: string) {
  return unwrap(
    api.POST('/api/v1/runs/{run_id}/cancel', {
      params: { path: { run_id: id }, header: { 'Idempotency-Key': idempotencyKey } },
      body: { reason },
    }),
  )
}

/** For good; only once it has ended. */
export function deleteRun(id: string) {
  return unwrap(api.DELETE('/api/v1/runs/{run_id}', at(id)))
}

export function pauseRun(id: string, idempotencyKey: string) {
  return unwrap(
    api.POST('/api/v1/runs/{run_id}/pause', {
      params: { path: { run_id: id }, header: { 'Idempotency-Key': idempotencyKey } },
      body: {},
    }),
  )
}

export function resumeRun(id: string, idempotencyKey: string) {
  return unwrap(
    api.POST('/api/v1/runs/{run_id}/resume', {
      params: { path: { run_id: id }, header: { 'Idempotency-Key': idempotencyKey } },
      body: {},
    }),
  )
}

export interface Message {
  run: string
  /** What a node waits for. */
  name: string
  data: unknown
  idempotencyKey: string
}

export function sendMessage({ run, name, data, idempotencyKey }: Message) {
  return unwrap(
    api.POST('/api/v1/runs/{run_id}/messages/{name}', {
      params: { path: { run_id: run, name }, header: { 'Idempotency-Key': idempotencyKey } },
      body: { data },
    }),
  )
}
