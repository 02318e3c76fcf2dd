// A run again, with what stands of it; first what that would mean.
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'
import type { components } from './schema'

type Schemas = components['schemas']
export type RetryView = Schemas['RetryView']
export type AgainView = Schemas['AgainView']
/** From what failed, from a step, or all over on the newest version; with other inputs. */
export type RetryWish = Pick<Schemas['RetryBody'], 'from' | 'newest' | 'inputs'>

/** `wish` is the JSON of a RetryWish. Nothing is started. */
export const retryPreviewQuery = (id: string, wish: string, isWhole: boolean) =>
  queryOptions({
    queryKey: ['runs', 'one', id, 'retry', wish],
    queryFn: async ({ signal }) => {
      const answer = await unwrap(
        api.POST('/api/v1/runs/{run_id}/retry', {
          params: { path: { run_id: id } },
          body: { ...(JSON.parse(wish) as RetryWish), dry_run: true },
          signal,
        }),
      )
      return answer as RetryView
    },
    enabled: isWhole,
    staleTime: 10_000,
    placeholderData: keepPreviousData,
  })

export async function retryRun(id: string, wish: RetryWish, idempotencyKey: string) {
  const answer = await unwrap(
    api.POST('/api/v1/runs/{run_id}/retry', {
      params: { path: { run_id: id }, header: { 'Idempotency-Key': idempotencyKey } },
      body: wish,
    }),
  )
  return answer as Schemas['Accepted']
}
