import { useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useHelp } from '@/store/help'

const TARGETS = { f: '/flows', r: '/runs', i: '/inbox' } as const
const CHORD_MS = 1_000

/** Keys pressed while writing belong to the text. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
}

/** `?` opens the help; `g` and then a letter goes to a screen. */
export function useGlobalKeys(): void {
  const navigate = useNavigate()
  useEffect(() => {
    let chordAt = Number.NEGATIVE_INFINITY
    const onKey = (event: KeyboardEvent): void => {
      if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return
      if (event.key === '?') useHelp.getState().open()
      const isChord = event.timeStamp - chordAt < CHORD_MS
      chordAt = event.key === 'g' ? event.timeStamp : Number.NEGATIVE_INFINITY
      if (isChord && event.key in TARGETS) {
        void navigate({ to: TARGETS[event.key as keyof typeof TARGETS] })
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [navigate])
}
