import { create } from 'zustand'
import type { Diagnostic } from '@/api/types'
import { emptyDocument, isSame, type WorkflowDocument, withoutDrawing } from '@/model/document'
import { applyEdit, type Edit, stepKey } from '@/model/edits'
import { type History, record, redo, startHistory, undo } from '@/model/history'
import type { TextFault } from '@/model/yaml'

/** The version on the server that the edits began with. */
export interface Base {
  version: number
  etag: string
  document: WorkflowDocument
}

export interface Selection {
  nodes: readonly string[]
  edge: number | null
}

/** Text that the canvas cannot draw; it is kept until it can. */
export interface BrokenText {
  value: string
  faults: TextFault[]
}

export interface Starting {
  name: string
  version: number
}

interface Builder {
  history: History<WorkflowDocument>
  base: Base | null
  selection: Selection
  broken: BrokenText | null
  /** Of the compiler, for the document of `checkedFor`. */
  diagnostics: Diagnostic[]
  checkedFor: WorkflowDocument | null
  /** A run was asked for, and the document must be saved first. */
  wantsRun: boolean
  /** The version whose inputs are asked for. It outlives the page of the new flow. */
  starting: Starting | null
  setWantsRun: (wantsRun: boolean) => void
  setStarting: (starting: Starting | null) => void
  /** Begin with a document; what was there before is gone. */
  open: (document: WorkflowDocument, base: Base | null) => void
  edit: (edit: Edit) => void
  undo: () => void
  redo: () => void
  select: (selection: Partial<Selection>) => void
  setBroken: (broken: BrokenText | null) => void
  setBase: (base: Base | null) => void
  setDiagnostics: (document: WorkflowDocument, diagnostics: Diagnostic[]) => void
}

export const NO_SELECTION: Selection = { nodes: [], edge: null }

export const useBuilder = create<Builder>()((set, get) => ({
  history: startHistory(emptyDocument('')),
  base: null,
  selection: NO_SELECTION,
  broken: null,
  diagnostics: [],
  checkedFor: null,
  wantsRun: false,
  starting: null,
  setWantsRun: (wantsRun) => set({ wantsRun }),
  setStarting: (starting) => set({ starting, wantsRun: false }),
  open: (document, base) =>
    set({
      history: startHistory(document),
      base,
      selection: NO_SELECTION,
      broken: null,
      diagnostics: [],
      checkedFor: null,
      wantsRun: false,
      starting: null,
    }),
  edit: (edit) => {
    const { history, selection } = get()
    const next = applyEdit(history.present, edit)
    if (next === history.present) return
    set({
      history: record(history, next, stepKey(edit), Date.now()),
      selection: followed(selection, edit, history.present, next),
    })
  },
  undo: () => set(({ history }) => stepped(undo(history))),
  redo: () => set(({ history }) => stepped(redo(history))),
  select: (selection) => set({ selection: { ...NO_SELECTION, ...selection } }),
  setBroken: (broken) => set({ broken }),
  setBase: (base) => set({ base }),
  setDiagnostics: (document, diagnostics) => set({ diagnostics, checkedFor: document }),
}))

function stepped(history: History<WorkflowDocument>) {
  return { history, selection: NO_SELECTION, broken: null }
}

/** What is selected after an edit: what it made, or what is still there. */
function followed(
  selection: Selection,
  edit: Edit,
  before: WorkflowDocument,
  after: WorkflowDocument,
): Selection {
  switch (edit.kind) {
    case 'add_node':
      return { nodes: [edit.node.id], edge: null }
    case 'duplicate': {
      const old = new Set(before.nodes.map(({ id }) => id))
      return { nodes: after.nodes.map(({ id }) => id).filter((id) => !old.has(id)), edge: null }
    }
    case 'rename_node':
      return {
        ...selection,
        nodes: selection.nodes.map((id) => (id === edit.id ? edit.to : id)),
      }
    case 'remove':
    case 'replace':
      return NO_SELECTION
    case 'connect':
    case 'move':
    case 'set_node':
    case 'set_edge':
    case 'set_document':
      return selection
  }
}

export const documentOf = (state: Builder): WorkflowDocument => state.history.present

let compared: { a: unknown; b: unknown; changed: boolean } = { a: null, b: null, changed: false }

/** Does the document say something else than the version it began with? Drawing aside. */
export function hasChanges(state: Builder): boolean {
  if (state.broken !== null) return true
  const a = state.history.present
  const b = state.base?.document ?? null
  if (b === null) return a.nodes.length > 0 || state.history.past.length > 0
  if (compared.a !== a || compared.b !== b) {
    compared = { a, b, changed: !isSame(withoutDrawing(a), withoutDrawing(b)) }
  }
  return compared.changed
}
