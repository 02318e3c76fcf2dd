import { Suspense, useState } from 'react'
import type { ApprovalView } from '@/api/types'
import { Button } from '@/components/Button'
import { LazyJsonForm } from '@/components/lazyJsonForm'
import { Skeleton } from '@/components/Skeleton'
import { type Draft, draftOf, typed } from '@/model/proposal'
import { PATCHED_COLOUR } from '@/model/status'
import { text } from '@/text'

interface PayloadEditorProps {
  /** Id of the form element: a button of that form approves. */
  form: string
  approval: ApprovalView
  draft: Draft
  isEdited: boolean
  disabled: boolean
  onChange: (draft: Draft) => void
  /** Called with what would be approved. */
  onSubmit: (value: unknown) => void
}

/** The proposal as a form if the question has one, else as JSON. */
export function PayloadEditor(props: PayloadEditorProps) {
  const { approval, draft, isEdited, onChange } = props
  const [isText, setText] = useState(approval.form === null)
  const hasPayload = approval.payload !== null || approval.form !== null
  return (
    <section className="flex flex-col gap-2">
      <header className="flex h-7 items-center gap-2">
        <h3 className="font-medium">{text.inbox.payload}</h3>
        {isEdited ? (
          <>
            <span className="text-xs" style={{ color: PATCHED_COLOUR }}>
              {text.inbox.edited}
            </span>
            <Button look="ghost" size="small" onClick={() => onChange(draftOf(approval.payload))}>
              {text.inbox.reset}
            </Button>
          </>
        ) : null}
        <span className="flex-1" />
        {approval.form ? (
          <Button look="ghost" size="small" disabled={draft.fault} onClick={() => setText(!isText)}>
            {isText ? text.inbox.asForm : text.inbox.asJson}
          </Button>
        ) : null}
      </header>
      {hasPayload ? (
        <Editor {...props} isText={isText} />
      ) : (
        <PlainForm {...props}>
          <p className="text-muted-foreground">{text.inbox.noPayload}</p>
        </PlainForm>
      )}
    </section>
  )
}

function Editor(props: PayloadEditorProps & { isText: boolean }) {
  const { form, approval, draft, disabled, onChange, onSubmit, isText } = props
  if (isText || approval.form === null) {
    return (
      <PlainForm {...props}>
        <textarea
          aria-label={text.inbox.payload}
          aria-invalid={draft.fault}
          spellCheck={false}
          disabled={disabled}
          rows={Math.min(20, Math.max(4, draft.written.split('\n').length))}
          value={draft.written}
          onChange={(event) => onChange(typed(event.target.value))}
          className="w-full rounded-md border border-input bg-background px-2 py-1.5 font-mono text-xs leading-5 aria-invalid:border-destructive"
        />
        {draft.fault ? <p className="text-destructive">{text.inbox.badJson}</p> : null}
      </PlainForm>
    )
  }
  return (
    <Suspense fallback={<Skeleton className="h-24" />}>
      <LazyJsonForm
        id={form}
        schema={approval.form}
        value={draft.value ?? {}}
        onChange={(value) => onChange(draftOf(value))}
        onSubmit={onSubmit}
        disabled={disabled}
      />
    </Suspense>
  )
}

function PlainForm({
  form,
  draft,
  onSubmit,
  children,
}: PayloadEditorProps & { children: React.ReactNode }) {
  return (
    <form
      id={form}
      onSubmit={(event) => {
        event.preventDefault()
        if (!draft.fault) onSubmit(draft.value)
      }}
    >
      {children}
    </form>
  )
}
