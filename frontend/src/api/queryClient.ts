import { QueryClient } from '@tanstack/react-query'
import { asProblem } from './client'

const RETRIES = 2

/** Only what may pass by itself is asked again; every other problem is shown at once. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (count, error) => asProblem(error).isPassing && count < RETRIES,
        retryDelay: (count) => 500 * 2 ** count,
        staleTime: 1_000,
        networkMode: 'always',
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  })
}
