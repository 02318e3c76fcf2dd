import { Play, Redo2, Save, Undo2 } from 'lucide-react'
import { Button } from '@/components/Button'
import { Tooltip } from '@/components/Tooltip'
import { useBuilder } from '@/store/builder'
import { text } from '../text'

export type View = 'canvas' | 'yaml'

interface ActionsProps {
  view: View
  onView: (view: View) => void
  onSave: () => void
  onRun: () => void
  isSaving: boolean
  isEmpty: boolean
}

export function Actions({ view, onView, onSave, onRun, isSaving, isEmpty }: ActionsProps) {
  const canUndo = useBuilder((state) => state.history.past.length > 0)
  const canRedo = useBuilder((state) => state.history.future.length > 0)
  const { undo, redo } = useBuilder.getState()
  return (
    <>
      <fieldset aria-label={text.views.label} className="flex rounded-md border p-0.5">
        {(['canvas', 'yaml'] as const).map((each) => (
          <Button
            key={each}
            look="ghost"
            size="small"
            aria-pressed={view === each}
            className="h-6.5 aria-pressed:bg-accent"
            onClick={() => onView(each)}
          >
            {text.views[each]}
          </Button>
        ))}
      </fieldset>
      <div className="flex">
        <Tooltip label={`${text.actions.undo} (Ctrl+Z)`}>
          <Button
            look="ghost"
            size="icon"
            aria-label={text.actions.undo}
            disabled={!canUndo}
            onClick={undo}
          >
            <Undo2 />
          </Button>
        </Tooltip>
        <Tooltip label={`${text.actions.redo} (Shift+Ctrl+Z)`}>
          <Button
            look="ghost"
            size="icon"
            aria-label={text.actions.redo}
            disabled={!canRedo}
            onClick={redo}
          >
            <Redo2 />
          </Button>
        </Tooltip>
      </div>
      <Tooltip label="Ctrl+S">
        <Button onClick={onSave} disabled={isSaving || isEmpty}>
          <Save aria-hidden />
          {text.actions.save}
        </Button>
      </Tooltip>
      <Tooltip label="Ctrl+Enter">
        <Button look="primary" onClick={onRun} disabled={isSaving || isEmpty}>
          <Play aria-hidden />
          {text.actions.run}
        </Button>
      </Tooltip>
    </>
  )
}
