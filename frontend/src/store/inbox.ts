import { create } from 'zustand'
import type { InboxView } from '@/api/inbox'

interface Inbox {
  view: InboxView
  /** Empty: of every flow. */
  workflow: string
  show: (view: InboxView) => void
  filter: (workflow: string) => void
}

/** What the inbox lists; it stays while a person moves between questions. */
export const useInbox = create<Inbox>()((set) => ({
  view: 'mine',
  workflow: '',
  show: (view) => set({ view }),
  filter: (workflow) => set({ workflow }),
}))
