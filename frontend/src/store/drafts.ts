// Edits that were not saved, kept by the browser for whoever made them.
import { readDocument, type WorkflowDocument } from '@/model/document'

export interface Draft {
  /** In ms since 1970. */
  at: number
  /** The version that the edits began with; null for a flow that was never saved. */
  base: { version: number; etag: string } | null
  document: WorkflowDocument
  /** Text that could not be read yet. */
  text: string | null
}

/** `owner` is tenant and person: another key of the same browser does not see the draft. */
export function draftKey(owner: string, name: string | null): string {
  return `minuet.draft ${owner} ${name ?? ''}`
}

/** Null if there is none, or none that this version can read. */
export function readDraft(key: string): Draft | null {
  const stored = localStorage.getItem(key)
  if (stored === null) return null
  try {
    const draft = JSON.parse(stored) as Draft
    return { ...draft, document: readDocument(draft.document) }
  } catch {
    return null
  }
}

/** False if the browser has no room for it. */
export function writeDraft(key: string, draft: Draft): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(draft))
    return true
  } catch {
    return false
  }
}

export const dropDraft = (key: string): void => localStorage.removeItem(key)
