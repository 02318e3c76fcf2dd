import { create } from 'zustand'

const STORED = 'minuet.theme'

export type Theme = 'light' | 'dark'

interface ThemeState {
  theme: Theme
  toggle: () => void
}

const system = window.matchMedia('(prefers-color-scheme: dark)')

function chosen(): Theme | null {
  const stored = localStorage.getItem(STORED)
  return stored === 'light' || stored === 'dark' ? stored : null
}

function systemTheme(): Theme {
  return system.matches ? 'dark' : 'light'
}

function show(theme: Theme): void {
  document.documentElement.dataset.theme = theme
}

/** The system's scheme until a person chooses; choosing what the system has follows it again. */
export const useTheme = create<ThemeState>()((set, get) => ({
  theme: chosen() ?? systemTheme(),
  toggle: () => {
    const theme = get().theme === 'dark' ? 'light' : 'dark'
    if (theme === systemTheme()) localStorage.removeItem(STORED)
    else localStorage.setItem(STORED, theme)
    set({ theme })
  },
}))

/** Keep the document in step with the store and the store with the system. */
export function followTheme(): void {
  show(useTheme.getState().theme)
  useTheme.subscribe(({ theme }) => show(theme))
  system.addEventListener('change', () => {
    if (chosen() === null) useTheme.setState({ theme: systemTheme() })
  })
}
