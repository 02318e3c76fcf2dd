import { useId, useState } from 'react'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { WORKFLOW_NAME, type WorkflowDocument } from '@/model/document'
import { documentOf, useBuilder } from '@/store/builder'
import { Field, TextLine } from '../form/fields'
import { text } from '../text'
import type { Saving } from '../useSave'

interface SaveQuestionsProps {
  saving: Saving
  /** Drop the edits here and show what is latest on the server. */
  onReload: () => void
}

/** What a person decides when saving is not simply saving. */
export function SaveQuestions({ saving, onReload }: SaveQuestionsProps) {
  const { question, setQuestion } = saving
  if (question === null) return null
  const close = (): void => {
    setQuestion(null)
    useBuilder.getState().setWantsRun(false)
  }
  const { title, description } = words(saving)
  return (
    <Dialog open onClose={close} title={title} {...(description ? { description } : {})}>
      <div className="space-y-4 p-4">
        {question.kind === 'conflict' ? (
          <Option
            action={text.save.conflictReload}
            hint={text.save.conflictReloadHint}
            onClick={() => {
              close()
              onReload()
            }}
          />
        ) : null}
        {question.kind === 'name' ? null : (
          <Option
            action={text.save.conflictOverwrite}
            hint={text.save.conflictOverwriteHint}
            onClick={() => {
              const document = documentOf(useBuilder.getState())
              void saving.store(document, question.latest.etag)
            }}
          />
        )}
        <SaveAs saving={saving} />
      </div>
      <footer className="flex justify-end border-t px-4 py-3">
        <Button onClick={close}>{text.save.keepEditing}</Button>
      </footer>
    </Dialog>
  )
}

function words({ question }: Saving): { title: string; description?: string } {
  switch (question?.kind) {
    case 'conflict': {
      const { version, principal } = question.latest.view
      return {
        title: text.save.conflictTitle,
        description: text.save.conflictDetail(version, principal),
      }
    }
    case 'taken': {
      const { name, version } = question.latest.view
      return { title: text.save.takenTitle, description: text.save.takenDetail(name, version) }
    }
    default:
      return { title: text.save.nameTitle }
  }
}

function Option({ action, hint, onClick }: { action: string; hint: string; onClick: () => void }) {
  return (
    <div className="flex items-center gap-3">
      <p className="min-w-0 flex-1 text-muted-foreground">{hint}</p>
      <Button onClick={onClick}>{action}</Button>
    </div>
  )
}

function SaveAs({ saving }: { saving: Saving }) {
  const document = useBuilder(documentOf)
  const isNamed = document.name !== text.untitled
  const [name, setName] = useState(isNamed ? `${document.name}-2` : '')
  const form = useId()
  const isFine = WORKFLOW_NAME.test(name)
  const save = (): void => {
    const { edit, setBase } = useBuilder.getState()
    edit({ kind: 'set_document', fields: { name } })
    setBase(null)
    const renamed: WorkflowDocument = documentOf(useBuilder.getState())
    void saving.create(renamed)
  }
  return (
    <form
      id={form}
      className="flex items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (isFine) save()
      }}
    >
      <div className="min-w-0 flex-1">
        <Field
          label={isNamed ? text.save.conflictSaveAs : text.panel.name}
          hint={text.panel.nameHint}
        >
          {(ids) => (
            <TextLine
              {...ids}
              autoFocus
              value={name}
              onChange={setName}
              className="font-mono text-xs"
            />
          )}
        </Field>
      </div>
      <Button
        type="submit"
        look={isNamed ? 'secondary' : 'primary'}
        disabled={!isFine}
        className="mb-5"
      >
        {text.actions.save}
      </Button>
    </form>
  )
}
