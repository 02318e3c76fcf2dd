import { useStore } from '@xyflow/react'

/** Below this zoom nobody can read a card. */
const READABLE_ZOOM = 0.3

/** Whether cards are so small that their outline says as much as all that is in them. */
export function useIsFar(): boolean {
  return useStore(({ transform }) => transform[2] < READABLE_ZOOM)
}
