import { create } from 'zustand'

interface Help {
  isOpen: boolean
  open: () => void
  close: () => void
}

export const useHelp = create<Help>()((set) => ({
  isOpen: false,
  open: () => set({ isOpen: true }),
  close: () => set({ isOpen: false }),
}))
