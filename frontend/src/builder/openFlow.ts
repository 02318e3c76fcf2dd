import type { LatestVersion } from '@/api/documents'
import type { VersionView } from '@/api/types'
import {
  emptyDocument,
  isSame,
  readDocument,
  type WorkflowDocument,
  withoutDrawing,
} from '@/model/document'
import { placed } from '@/model/layout'
import { fromYaml } from '@/model/yaml'
import { type Base, useBuilder } from '@/store/builder'
import { type Draft, readDraft } from '@/store/drafts'
import type { Kinds } from './kinds'
import { text } from './text'

/** Show a saved flow, with the edits of this browser on it. The time of these edits, or null.
 *
 * What the builder holds of the very same version stays, with its undo.
 */
export function openSaved(
  latest: LatestVersion,
  shown: VersionView,
  key: string,
  kinds: Kinds,
): number | null {
  const { base, open, edit } = useBuilder.getState()
  const isLatest = shown.version === latest.view.version
  if (isLatest && base?.etag === latest.etag && base.document.name === shown.name) return null
  const stored = placed(readDocument(shown.document), (type) => kinds.get(type))
  const fresh: Base = { version: latest.view.version, etag: latest.etag, document: stored }
  const draft = isLatest ? readDraft(key) : null
  if (!isLatest) {
    // An older version is an edit of the latest one: saving makes it the next.
    const newest = placed(readDocument(latest.view.document), (type) => kinds.get(type))
    open(newest, { ...fresh, document: newest })
    edit({ kind: 'replace', document: stored })
    return null
  }
  if (draft && draft.text === null && isOnlyMoved(draft.document, stored)) {
    open(draft.document, { ...fresh, document: draft.document })
    return null
  }
  open(stored, fresh)
  return draft ? restore(draft, fresh) : null
}

/** Show a new flow, or the one that was begun in this browser. The time of those edits, or null. */
export function openNew(key: string): number | null {
  useBuilder.getState().open(emptyDocument(text.untitled), null)
  const draft = readDraft(key)
  return draft ? restore(draft, null) : null
}

function isOnlyMoved(a: WorkflowDocument, b: WorkflowDocument): boolean {
  return isSame(withoutDrawing(a), withoutDrawing(b))
}

/** As an edit: undo leads back to what is saved. The edits are still of the version they began
 * with, so that saving them over a newer one asks first. */
function restore(draft: Draft, fresh: Base | null): number {
  const { edit, setBroken, setBase } = useBuilder.getState()
  edit({ kind: 'replace', document: draft.document })
  if (fresh && draft.base) setBase({ ...fresh, ...draft.base })
  if (draft.text !== null) {
    const reading = fromYaml(draft.text)
    if ('faults' in reading) setBroken({ value: draft.text, faults: reading.faults })
  }
  return draft.at
}
