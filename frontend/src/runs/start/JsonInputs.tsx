import { type FormEvent, useId, useState } from 'react'
import { parseInputs } from '@/model/inputs'
import { text } from '@/text'

interface JsonInputsProps {
  /** Id of the form element. */
  form: string
  value: unknown
  /** Called with every text that is a JSON object. */
  onChange: (value: Record<string, unknown>) => void
  onSubmit: (value: Record<string, unknown>) => void
}

/** Inputs as JSON text. What is typed stays as typed, valid or not. */
export function JsonInputs({ form, value, onChange, onSubmit }: JsonInputsProps) {
  const id = useId()
  const [source, setSource] = useState(() => JSON.stringify(value ?? {}, null, 2))
  const parsed = parseInputs(source)
  const change = (typed: string): void => {
    setSource(typed)
    const inputs = parseInputs(typed)
    if (inputs !== null) onChange(inputs)
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (parsed !== null) onSubmit(parsed)
  }
  return (
    <form id={form} onSubmit={submit}>
      <label htmlFor={id} className="font-medium">
        {text.startRun.rawLabel}
      </label>
      <textarea
        id={id}
        rows={10}
        spellCheck={false}
        value={source}
        onChange={(event) => change(event.target.value)}
        aria-invalid={parsed === null}
        className="mt-1 block w-full resize-y rounded-md border border-input bg-background p-2.5 font-mono text-xs aria-invalid:border-destructive"
      />
      {parsed === null ? (
        <p role="alert" className="mt-1 text-destructive">
          {text.startRun.badJson}
        </p>
      ) : null}
    </form>
  )
}
