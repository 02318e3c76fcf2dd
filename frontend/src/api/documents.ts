// Documents on their way to and from the builder: with the ETag that guards the next save.
import { queryOptions } from '@tanstack/react-query'
import { type WorkflowDocument, withoutDrawing } from '@/model/document'
import { api, unwrap, unwrapWithResponse } from './client'
import type { components } from './schema'
import type { VersionView } from './types'

type WorkflowPage = components['schemas']['WorkflowPage']

export interface LatestVersion {
  view: VersionView
  etag: string
}

async function fetchLatest(name: string, signal?: AbortSignal): Promise<LatestVersion> {
  const { data, response } = await unwrapWithResponse(
    api.GET('/api/v1/workflows/{name}', {
      params: { path: { name } },
      ...(signal ? { signal } : {}),
    }),
  )
  return { view: data, etag: response.headers.get('ETag') ?? '' }
}

/** The latest version as it is now, not as it was cached. Raises Problem, also if it is gone. */
export const findLatest = (name: string): Promise<LatestVersion> => fetchLatest(name)

const PAGE = 200

/** Is there a flow of this name? Looks through the list: to ask for one that is not there would be
 * an error in the browser's console. */
export async function isTaken(name: string): Promise<boolean> {
  let cursor: string | null = null
  do {
    const page: WorkflowPage = await unwrap(
      api.GET('/api/v1/workflows', { params: { query: { limit: PAGE, cursor } } }),
    )
    if (page.items.some((line) => line.name === name)) return true
    cursor = page.next_cursor ?? null
  } while (cursor !== null)
  return false
}

export const latestQuery = (name: string) =>
  queryOptions({
    queryKey: ['workflows', name, 'latest'],
    queryFn: ({ signal }) => fetchLatest(name, signal),
    // The builder works on its own copy: a newer one is met when it saves.
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    gcTime: 0,
  })

/** Compile without storing. A document that cannot even be read has one fault at its root. */
export async function validate(document: WorkflowDocument, signal: AbortSignal) {
  return unwrap(
    api.POST('/api/v1/workflows/validate', {
      body: { document: withoutDrawing(document) },
      signal,
    }),
  )
}

/** Make the document the latest version. With `etag` only if that one is the latest still. */
export async function saveDocument(document: WorkflowDocument, etag: string | null) {
  const { data, response } = await unwrapWithResponse(
    etag === null
      ? api.POST('/api/v1/workflows', { body: { document } })
      : api.PUT('/api/v1/workflows/{name}', {
          params: { path: { name: document.name }, header: { 'If-Match': etag } },
          body: { document },
        }),
  )
  return { ...data, etag: response.headers.get('ETag') ?? '', isNew: response.status === 201 }
}
