import { useEffect } from 'react'
import { isWriting } from '@/app/useGlobalKeys'
import { useBuilder } from '@/store/builder'

interface Shortcuts {
  onSave: () => void
  onRun: () => void
  onTidy: () => void
}

/** Keys that hold on the whole screen. Undo inside a field is the field's own. */
export function useShortcuts({ onSave, onRun, onTidy }: Shortcuts): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return
      // A dialog has the word as long as it is open.
      if (document.querySelector('[role="dialog"]')) return
      const { undo, redo } = useBuilder.getState()
      const key = event.key.toLowerCase()
      if (key === 's') onSave()
      else if (key === 'enter') onRun()
      else if (key === 'o') onTidy()
      else if (isWriting(event.target)) return
      else if (key === 'y' || (key === 'z' && event.shiftKey)) redo()
      else if (key === 'z') undo()
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [onSave, onRun, onTidy])
}
