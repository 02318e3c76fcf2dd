import { lazy } from 'react'

/** `JsonForm` in a chunk of its own; put it inside Suspense. */
export const LazyJsonForm = lazy(async () => ({ default: (await import('./JsonForm')).JsonForm }))
