import { create } from 'zustand'

export interface Toast {
  id: number
  tone: 'plain' | 'good' | 'bad'
  title: string
  detail?: string
}

interface Toasts {
  items: Toast[]
  show: (toast: Omit<Toast, 'id'>) => void
  dismiss: (id: number) => void
}

let lastId = 0

export const useToasts = create<Toasts>()((set) => ({
  items: [],
  show: (toast) => {
    lastId += 1
    const added = { ...toast, id: lastId }
    set(({ items }) => ({ items: [...items.slice(-3), added] }))
  },
  dismiss: (id) => set(({ items }) => ({ items: items.filter((each) => each.id !== id) })),
}))

/** Tell a person that something happened, from anywhere. */
export const toast = (shown: Omit<Toast, 'id'>): void => useToasts.getState().show(shown)
