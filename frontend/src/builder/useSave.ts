import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { asProblem } from '@/api/client'
import { findLatest, isTaken, type LatestVersion, saveDocument } from '@/api/documents'
import { isSame, type WorkflowDocument } from '@/model/document'
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

  /** Store it. `etag` null: as a new flow. */
  const store = useCallback(
    async (document: WorkflowDocument, etag: string | null): Promise<void> => {
      setIsSaving(true)
      try {
        const done = await saveDocument(document, etag)
        const { base, setBase, setStarting, wantsRun } = useBuilder.getState()
        const isMoved = base?.version === done.version && !isSame(document, base.document)
        setBase({ version: done.version, etag: done.etag, document })
        if (wantsRun) setStarting({ name: done.name, version: done.version })
        dropDraft(draft)
        setQuestion(null)
        void client.invalidateQueries({ queryKey: ['workflows'] })
        const told = done.isNew
          ? text.save.done(done.name, done.version)
          : isMoved
            ? text.save.moved(done.version)
            : text.save.same(done.version)
        toast({ tone: done.isNew || isMoved ? 'good' : 'plain', title: told })
        await navigate({ to: '/flows/$name', params: { name: done.name }, replace: true })
      } catch (error) {
        const problem = asProblem(error)
        const latest = problem.status === 412 ? await findLatest(document.name) : null
        if (latest) setQuestion({ kind: 'conflict', latest })
        else toast({ tone: 'bad', title: text.save.failed, detail: problem.message })
      } finally {
        setIsSaving(false)
      }
    },
    [client, draft, navigate],
  )

  /** A flow that was never saved, under the name that it has now. */
  const create = useCallback(
    async (document: WorkflowDocument): Promise<void> => {
      try {
        if (await isTaken(document.name)) {
          setQuestion({ kind: 'taken', latest: await findLatest(document.name) })
          return
        }
      } catch (error) {
        toast({ tone: 'bad', title: text.save.failed, detail: asProblem(error).message })
        return
      }
      await store(document, null)
    },
    [store],
  )

  /** Save, or ask what must be known first. */
  const save = useCallback(async (): Promise<void> => {
    const state = useBuilder.getState()
    const document = documentOf(state)
    if (state.broken) {
      toast({ tone: 'bad', title: text.save.failed, detail: text.save.brokenText })
    } else if (hasErrors(state)) {
      toast({ tone: 'bad', title: text.save.failed, detail: text.save.invalid })
    } else if (state.base !== null) await store(document, state.base.etag)
    else if (document.name !== text.untitled) await create(document)
    else setQuestion({ kind: 'name' })
  }, [create, store])

  /** Ask for the inputs of a run, once the document is a version. */
  const saveAndRun = useCallback(async (): Promise<void> => {
    const state = useBuilder.getState()
    if (state.base && !hasChanges(state)) {
      state.setStarting({ name: documentOf(state).name, version: state.base.version })
      return
    }
    state.setWantsRun(true)
    await save()
  }, [save])

  return { save, saveAndRun, store, create, question, setQuestion, isSaving }
}

/** Does the compiler refuse the very document that is shown? */
function hasErrors({ diagnostics, checkedFor, history }: ReturnType<typeof useBuilder.getState>) {
  return checkedFor === history.present && diagnostics.some(({ severity }) => severity === 'error')
}

export type Saving = ReturnType<typeof useSave>
