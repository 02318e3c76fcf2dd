import { Play } from 'lucide-react'
import { Suspense, useState } from 'react'
import type { VersionView } from '@/api/types'
import { Button } from '@/components/Button'
import { LazyJsonForm } from '@/components/lazyJsonForm'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import { type InputsAsked, inputsAsked } from '@/model/inputs'
import { text } from '@/text'
import { JsonInputs } from './JsonInputs'
import { useStartRun } from './useStartRun'

const FORM = 'start-run'

interface StartRunFormProps {
  /** The version that is run, even if another becomes the latest meanwhile. */
  flow: VersionView
  onClose: () => void
}

export function StartRunForm({ flow, onClose }: StartRunFormProps) {
  const [asked] = useState(() => inputsAsked(flow.document))
  const [isRaw, setRaw] = useState(asked.kind === 'json')
  const [value, setValue] = useState<unknown>({})
  const start = useStartRun(flow, onClose)
  return (
    <>
      <div className="space-y-3 p-4">
        {asked.kind === 'form' ? <ViewSwitch isRaw={isRaw} onChange={setRaw} /> : null}
        <Fields
          asked={asked}
          isRaw={isRaw}
          value={value}
          onChange={setValue}
          onSubmit={start.run}
        />
        {start.error ? <ProblemNote error={start.error} /> : null}
      </div>
      <footer className="sticky bottom-0 flex items-center justify-end gap-2 border-t bg-popover px-4 py-3">
        <span className="mr-auto text-muted-foreground">{text.common.version(flow.version)}</span>
        <Button onClick={onClose}>{text.common.cancel}</Button>
        <Button type="submit" form={FORM} look="primary" disabled={start.isPending}>
          <Play aria-hidden />
          {start.isPending ? text.startRun.starting : text.startRun.submit}
        </Button>
      </footer>
    </>
  )
}

interface FieldsProps {
  asked: InputsAsked
  isRaw: boolean
  value: unknown
  onChange: (value: unknown) => void
  onSubmit: (inputs: Record<string, unknown>) => void
}

function Fields({ asked, isRaw, value, onChange, onSubmit }: FieldsProps) {
  const submit = (inputs: unknown): void => onSubmit((inputs ?? {}) as Record<string, unknown>)
  if (asked.kind === 'none') {
    return (
      <form
        id={FORM}
        onSubmit={(event) => {
          event.preventDefault()
          onSubmit({})
        }}
      >
        <p className="text-muted-foreground">{text.startRun.noInputs}</p>
      </form>
    )
  }
  if (isRaw || asked.kind === 'json') {
    return <JsonInputs form={FORM} value={value} onChange={onChange} onSubmit={submit} />
  }
  return (
    <Suspense fallback={<Skeleton className="h-24" />}>
      <LazyJsonForm
        id={FORM}
        schema={asked.schema}
        value={value}
        onChange={onChange}
        onSubmit={submit}
      />
    </Suspense>
  )
}

function ViewSwitch({ isRaw, onChange }: { isRaw: boolean; onChange: (raw: boolean) => void }) {
  return (
    <fieldset className="flex w-fit rounded-md border p-0.5">
      {[false, true].map((raw) => (
        <Button
          key={String(raw)}
          size="small"
          look={raw === isRaw ? 'secondary' : 'ghost'}
          aria-pressed={raw === isRaw}
          className="h-6 border-transparent aria-pressed:bg-accent"
          onClick={() => onChange(raw)}
        >
          {raw ? text.startRun.asJson : text.startRun.asForm}
        </Button>
      ))}
    </fieldset>
  )
}
