import { useEffect } from 'react'
import { isSame } from '@/model/document'
import { documentOf, hasChanges, useBuilder } from '@/store/builder'
import { dropDraft, writeDraft } from '@/store/drafts'
import { toast } from '@/store/toasts'
import { text } from './text'

const PAUSE_MS = 300

/** Keep the edits under `key` until they are saved, places included. */
export function useDraft(key: string): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isTold = false
    const keep = (): void => {
      timer = undefined
      const state = useBuilder.getState()
      const document = documentOf(state)
      if (!hasChanges(state) && isSame(document, state.base?.document)) {
        dropDraft(key)
        return
      }
      if (!hasChanges(state) && state.base === null) return
      const base = state.base && { version: state.base.version, etag: state.base.etag }
      const draft = { at: Date.now(), base, document, text: state.broken?.value ?? null }
      if (!writeDraft(key, draft) && !isTold) {
        isTold = true
        toast({ tone: 'bad', title: text.draft.full })
      }
    }
    const flush = (): void => {
      if (timer === undefined) return
      clearTimeout(timer)
      keep()
    }
    const stop = useBuilder.subscribe((now, before) => {
      const isOther =
        now.history.present !== before.history.present ||
        now.broken !== before.broken ||
        now.base !== before.base
      if (!isOther) return
      clearTimeout(timer)
      timer = setTimeout(keep, PAUSE_MS)
    })
    window.addEventListener('pagehide', flush)
    return () => {
      stop()
      flush()
      window.removeEventListener('pagehide', flush)
    }
  }, [key])
}
