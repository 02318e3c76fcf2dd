import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { asProblem } from '@/api/client'
import { findLatest, type LatestVersion, saveDocument } from '@/api/documents'
import type { WorkflowDocument } from '@/model/document'
import { documentOf, hasChanges, useBuilder } from '@/store/builder'
import { dropDraft } from '@/store/drafts'
import { toast } from '@/store/toasts'
import { text } from './text'

/** What a person must decide before the document can be saved. */
export type SaveQuestion =
  | { kind: 'name' }
  | { kind: 'taken'; latest: LatestVersion }
  | { kind: 'conflict'; latest: LatestVersion }

/** Saves the document as the next version; asks where it would overwrite somebody. */
export function useSave(draft: string) {
  const [question, setQuestion] = useState<SaveQuestion | null>(null)
  const [isSaving, setIsSaving] = useState(false)
  const client = useQueryClient()
  const navigate = useNavigate()

  /** Store it. `etag` null: as a new flow, or over one that is known. The version, or null. */
  const store = useCallback(
    async (document: WorkflowDocument, etag: string | null): Promise<number | null> => {
      setIsSaving(true)
      try {
        const done = await saveDocument(document, etag)
        const { setBase } = useBuilder.getState()
        setBase({ version: done.version, etag: done.etag, document })
        if (done.isNew) dropDraft(draft)
        setQuestion(null)
        void client.invalidateQueries({ queryKey: ['workflows'] })
        const told = done.isNew
          ? text.save.done(done.name, done.version)
          : text.save.same(done.version)
        toast({ tone: done.isNew ? 'good' : 'plain', title: told })
        await navigate({ to: '/flows/$name', params: { name: done.name }, replace: true })
        return done.version
      } catch (error) {
        const problem = asProblem(error)
        const latest = problem.status === 412 ? await findLatest(document.name) : null
        if (latest) setQuestion({ kind: 'conflict', latest })
        else toast({ tone: 'bad', title: text.save.failed, detail: problem.message })
        return null
      } finally {
        setIsSaving(false)
      }
    },
    [client, draft, navigate],
  )

  /** A flow that was never saved, under the name that it has now. */
  const create = useCallback(
    async (document: WorkflowDocument): Promise<number | null> => {
      try {
        const latest = await findLatest(document.name)
        if (latest) {
          setQuestion({ kind: 'taken', latest })
          return null
        }
      } catch (error) {
        toast({ tone: 'bad', title: text.save.failed, detail: asProblem(error).message })
        return null
      }
      return store(document, null)
    },
    [store],
  )

  /** The version that says what the document says; null if it could not be saved (yet). */
  const save = useCallback(async (): Promise<number | null> => {
    const state = useBuilder.getState()
    const document = documentOf(state)
    if (state.broken) {
      toast({ tone: 'bad', title: text.save.failed, detail: text.save.brokenText })
      return null
    }
    if (state.base === null) {
      if (document.name !== text.untitled) return create(document)
      setQuestion({ kind: 'name' })
      return null
    }
    return store(document, state.base.etag)
  }, [create, store])

  /** As `save`, but what has not changed is not saved again. */
  const ensureSaved = useCallback(async (): Promise<number | null> => {
    const state = useBuilder.getState()
    return state.base && !hasChanges(state) ? state.base.version : save()
  }, [save])

  return { save, ensureSaved, store, create, question, setQuestion, isSaving }
}

export type Saving = ReturnType<typeof useSave>
