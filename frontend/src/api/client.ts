import createClient from 'openapi-fetch'
import { Problem, readProblem, unreachable } from '@/model/problem'
import { useSession } from '@/store/session'
import { text } from '@/text'
import type { paths } from './schema'

/** Typed by the OpenAPI document. Give what it returns to `unwrap`. */
export const api = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: (request) => globalThis.fetch(request),
  querySerializer: { array: { style: 'form', explode: true } },
})

api.use({
  onRequest({ request }) {
    const { key } = useSession.getState()
    if (key !== null && !request.headers.has('Authorization')) {
      request.headers.set('Authorization', `Bearer ${key}`)
    }
    return request
  },
  onResponse({ request, response }) {
    const { key, leave } = useSession.getState()
    const isOwnKey = request.headers.get('Authorization') === `Bearer ${key}`
    if (response.status === 401 && isOwnKey) leave('refused')
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return error
    return unreachable(text.problem.unreachable)
  },
})

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The data of a call. Throws Problem for every answer of 400 and above, or none at all. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data } = await unwrapWithResponse(call)
  return data
}

/** As `unwrap`, with the response for its headers (ETag, Location). */
export async function unwrapWithResponse<T>(
  call: Promise<Answer<T>>,
): Promise<{ data: T; response: Response }> {
  const { data, error, response } = await call
  if (!response.ok) throw readProblem(error, response.status, response.statusText)
  return { data: data as T, response }
}

/** Whatever was thrown, as a Problem that can be shown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new Problem({
    type: 'about:blank',
    title: text.problem.unexpected,
    status: -1,
    detail,
    errors: [],
  })
}
