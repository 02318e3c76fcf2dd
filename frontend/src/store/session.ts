import { create } from 'zustand'
import { takeKey } from '@/model/address'

const STORED = 'minuet.key'

/** Why a person is asked for the key (again). */
export type AskReason = 'first' | 'refused' | 'left'

interface Session {
  /** Null: ask for it. It lives as long as the tab. */
  key: string | null
  reason: AskReason
  enter: (key: string) => void
  leave: (reason: AskReason) => void
}

export const useSession = create<Session>()((set) => ({
  key: sessionStorage.getItem(STORED),
  reason: 'first',
  enter: (key) => {
    sessionStorage.setItem(STORED, key)
    set({ key, reason: 'first' })
  },
  leave: (reason) => {
    sessionStorage.removeItem(STORED)
    set({ key: null, reason })
  },
}))

/** Take over a key in the address and remove it there, before anything reads the address. */
export function enterFromAddress(): void {
  const { key, rest } = takeKey(window.location.hash)
  if (key === null) return
  const { pathname, search } = window.location
  window.history.replaceState(window.history.state, '', pathname + search + rest)
  useSession.getState().enter(key)
}
