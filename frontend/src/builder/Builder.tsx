import { ReactFlowProvider, useReactFlow } from '@xyflow/react'
import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { Page } from '@/components/Page'
import { Skeleton } from '@/components/Skeleton'
import { findNode, placeOf } from '@/model/document'
import { layout, placed } from '@/model/layout'
import { StartRunDialog } from '@/runs/start/StartRunDialog'
import { documentOf, useBuilder } from '@/store/builder'
import { toast } from '@/store/toasts'
import { AddMenu } from './AddMenu'
import { Canvas } from './canvas/Canvas'
import { useFit } from './canvas/useFit'
import { DraftNote } from './DraftNote'
import { EmptyCards } from './EmptyCards'
import { EXAMPLE } from './example'
import { faultPlace } from './faults'
import type { Kinds } from './kinds'
import { LoopQuestion, type LoopRequest } from './LoopQuestion'
import { Palette } from './Palette'
import { Problems } from './Problems'
import { FlowPanel } from './panel/FlowPanel'
import { text } from './text'
import { Actions, type View } from './toolbar/Actions'
import { Heading } from './toolbar/Heading'
import { SaveQuestions } from './toolbar/SaveQuestions'
import { type AddRequest, useAddStep } from './useAddStep'
import { useDraft } from './useDraft'
import { useSave } from './useSave'
import { useShortcuts } from './useShortcuts'
import { useValidation } from './useValidation'
import type { Jump } from './YamlView'

const YamlView = lazy(async () => ({ default: (await import('./YamlView')).YamlView }))

interface BuilderProps {
  kinds: Kinds
  /** Under which the browser keeps edits that are not saved. */
  draft: string
  /** When the edits were made that were found there. */
  restoredAt: number | null
  firstView: View
  onReload: () => void
}

export function Builder(props: BuilderProps) {
  return (
    <ReactFlowProvider>
      <Screen {...props} />
    </ReactFlowProvider>
  )
}

function Screen({ kinds, draft, restoredAt, firstView, onReload }: BuilderProps) {
  const name = useBuilder((state) => documentOf(state).name)
  const isEmpty = useBuilder((state) => documentOf(state).nodes.length === 0 && !state.broken)
  const [view, setView] = useState<View>(firstView)
  const [jump, setJump] = useState<Jump | null>(null)
  const [request, setRequest] = useState<AddRequest | null>(null)
  const [loop, setLoop] = useState<LoopRequest | null>(null)
  const starting = useBuilder((state) => state.starting)
  const setStarting = useBuilder((state) => state.setStarting)
  const [noteAt, setNoteAt] = useState(restoredAt)
  const { setCenter } = useReactFlow()
  const showAll = useFit()
  const { isChecking, failure } = useValidation()
  const saving = useSave(draft)
  const addStep = useAddStep(kinds)
  useDraft(draft)

  const tidy = useCallback(() => {
    const { edit, history } = useBuilder.getState()
    edit({ kind: 'move', places: layout(history.present, (type) => kinds.get(type)) })
    showAll(200)
  }, [kinds, showAll])
  const { save, saveAndRun } = saving
  const run = useCallback(async () => {
    const { diagnostics } = useBuilder.getState()
    if (diagnostics.some(({ severity }) => severity === 'error')) {
      toast({ tone: 'bad', title: text.run.invalid })
      return
    }
    await saveAndRun()
  }, [saveAndRun])
  const shortcuts = useMemo(
    () => ({ onSave: () => void save(), onRun: () => void run(), onTidy: tidy }),
    [save, run, tidy],
  )
  useShortcuts(shortcuts)

  const goTo = (pointer: string): void => {
    if (view === 'yaml') {
      setJump({ to: pointer, id: Date.now() })
      return
    }
    const { select, checkedFor, history } = useBuilder.getState()
    const { node, edge } = faultPlace(checkedFor ?? history.present, pointer)
    select(node === null ? { edge } : { nodes: [node] })
    const place =
      node === null ? null : placeOf(findNode(history.present, node) ?? { id: '', type: '' })
    if (place) void setCenter(place.x + 120, place.y + 32, { zoom: 1, duration: 200 })
  }
  const goToText = (offset: number): void => {
    setView('yaml')
    setJump({ to: offset, id: Date.now() })
  }
  const openExample = (): void => {
    const { edit } = useBuilder.getState()
    const isNew = useBuilder.getState().base === null
    const document = placed(EXAMPLE, (type) => kinds.get(type))
    edit({ kind: 'replace', document: isNew ? document : { ...document, name } })
    showAll()
  }
  return (
    <Page
      title={name}
      heading={<Heading isSaving={saving.isSaving} />}
      actions={
        <Actions
          view={view}
          onView={setView}
          onSave={shortcuts.onSave}
          onRun={shortcuts.onRun}
          isSaving={saving.isSaving}
          isEmpty={isEmpty}
        />
      }
    >
      <div className="flex h-full flex-col">
        {noteAt === null ? null : (
          <DraftNote
            at={noteAt}
            onKeep={() => setNoteAt(null)}
            onDrop={() => {
              setNoteAt(null)
              onReload()
            }}
          />
        )}
        <div className="flex min-h-0 flex-1">
          {view === 'canvas' ? (
            <>
              <Palette kinds={kinds} onAdd={(type) => addStep(type, {})} />
              <div className="relative min-w-0 flex-1">
                <Canvas
                  kinds={kinds}
                  onAdd={setRequest}
                  onAddType={addStep}
                  onTidy={tidy}
                  onLoop={setLoop}
                />
                {isEmpty ? (
                  <EmptyCards
                    onExample={openExample}
                    onYaml={() => setView('yaml')}
                    onFirst={() => setRequest({})}
                  />
                ) : null}
              </div>
            </>
          ) : (
            <div className="min-w-0 flex-1">
              <Suspense fallback={<Skeleton className="m-4 h-40" />}>
                <YamlView kinds={kinds} jump={jump} />
              </Suspense>
            </div>
          )}
          <FlowPanel kinds={kinds} onLoop={setLoop} />
        </div>
        <Problems isChecking={isChecking} failure={failure} onText={goToText} onPointer={goTo} />
      </div>
      <AddMenu
        kinds={kinds}
        request={request}
        onClose={() => setRequest(null)}
        onChoose={addStep}
      />
      <LoopQuestion request={loop} onClose={() => setLoop(null)} />
      <SaveQuestions saving={saving} onReload={onReload} />
      <StartRunDialog
        workflow={starting?.name ?? null}
        {...(starting ? { version: starting.version } : {})}
        onClose={() => setStarting(null)}
      />
    </Page>
  )
}
