import { useEffect } from 'react'
import { isWriting } from '@/app/useGlobalKeys'

interface Keys {
  ids: readonly string[]
  selected: string | null
  select: (id: string) => void
}

/** J and K go to the next and the previous question. */
export function useInboxKeys({ ids, selected, select }: Keys): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return
      if (event.key !== 'j' && event.key !== 'k') return
      const at = selected === null ? -1 : ids.indexOf(selected)
      const next = event.key === 'j' ? at + 1 : at - 1
      const id = ids[Math.min(ids.length - 1, Math.max(0, next))]
      if (id !== undefined) select(id)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [ids, selected, select])
}
