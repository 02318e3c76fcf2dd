import { vi } from 'vitest'

export type Route = (url: URL, request: Request) => unknown

/** Answer `fetch` by path below /api/v1; an answer that is a Response goes out as it is. */
export function serve(routes: Record<string, Route>): Request[] {
  const seen: Request[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    seen.push(request)
    const url = new URL(request.url)
    const route = routes[url.pathname.replace('/api/v1', '')]
    if (!route) return problem(404, 'not-found')
    const body = route(url, request)
    return body instanceof Response ? body : Response.json(body)
  })
  return seen
}

export function problem(status: number, slug: string, more: object = {}): Response {
  const body = { type: `/problems/${slug}`, title: slug, status, detail: '', ...more }
  return Response.json(body, { status, headers: { 'Content-Type': 'application/problem+json' } })
}
