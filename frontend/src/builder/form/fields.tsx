import { type ComponentProps, type ReactNode, useEffect, useId, useState } from 'react'
import { classes } from '@/components/classes'
import { text } from '../text'

export const INPUT =
  'w-full rounded-md border border-input bg-background px-2 aria-invalid:border-destructive'
export const LINE = `${INPUT} h-8`

interface FieldProps {
  label: string
  hint?: ReactNode
  fault?: string | undefined
  children: (ids: { id: string; 'aria-describedby': string }) => ReactNode
}

/** A labelled control with what is to know and what is wrong below it. */
export function Field({ label, hint, fault, children }: FieldProps) {
  const id = useId()
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="block font-medium">
        {label}
      </label>
      {children({ id, 'aria-describedby': `${id}-hint` })}
      <p id={`${id}-hint`} className="text-[11px] empty:hidden">
        {fault ? (
          <span className="text-destructive">{fault}</span>
        ) : hint ? (
          <span className="text-muted-foreground">{hint}</span>
        ) : null}
      </p>
    </div>
  )
}

interface TextLineProps extends Omit<ComponentProps<'input'>, 'value' | 'onChange'> {
  value: string
  onChange: (value: string) => void
}

export function TextLine({ value, onChange, className, ...rest }: TextLineProps) {
  return (
    <input
      type="text"
      autoComplete="off"
      spellCheck={false}
      {...rest}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className={classes(LINE, className)}
    />
  )
}

interface CommitLineProps extends Omit<TextLineProps, 'onChange'> {
  /** Said on Enter and when the field is left, not at every key. False: refused, the text stays. */
  onCommit: (value: string) => boolean
}

/** A line that takes effect when it is done: ids and names, which others refer to. */
export function CommitLine({ value, onCommit, ...rest }: CommitLineProps) {
  const [draft, setDraft] = useState(value)
  useEffect(() => setDraft(value), [value])
  const commit = (): void => {
    if (draft !== value) onCommit(draft)
  }
  return (
    <TextLine
      {...rest}
      value={draft}
      onChange={setDraft}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit()
        if (event.key === 'Escape') setDraft(value)
      }}
    />
  )
}

interface ChoiceProps extends Omit<ComponentProps<'select'>, 'onChange'> {
  value: string
  options: readonly (readonly [value: string, label: string])[]
  onChange: (value: string) => void
}

export function Choice({ value, options, onChange, className, ...rest }: ChoiceProps) {
  return (
    <select
      {...rest}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className={classes(LINE, 'px-1.5', className)}
    >
      {options.map(([each, label]) => (
        <option key={each} value={each}>
          {label}
        </option>
      ))}
    </select>
  )
}

export type AnyJson = unknown

/** How a value is written in one field: a text as it is, anything else as JSON. */
export function writeAny(value: AnyJson): string {
  if (value === undefined || value === '') return ''
  if (typeof value !== 'string') return JSON.stringify(value, null, 2)
  const reading = readAny(value)
  return 'value' in reading && reading.value === value ? value : JSON.stringify(value)
}

/** The other way round. What begins like JSON and is none is a fault, never a text by accident. */
export function readAny(written: string): { value: AnyJson } | { fault: true } {
  const trimmed = written.trim()
  if (trimmed === '') return { value: undefined }
  try {
    return { value: JSON.parse(trimmed) }
  } catch {
    return /^[[{"]/.test(trimmed) ? { fault: true } : { value: written }
  }
}

interface AnyFieldProps extends Omit<ComponentProps<'textarea'>, 'value' | 'onChange'> {
  value: AnyJson
  onChange: (value: AnyJson) => void
  /** Take nothing else than this. */
  accepts?: (value: AnyJson) => boolean
}

/** Any JSON in one field. Text that is no JSON yet stays there until it is. */
export function AnyField({ value, onChange, accepts, className, ...rest }: AnyFieldProps) {
  const [draft, setDraft] = useState<{ of: AnyJson; written: string; isWrong: boolean } | null>(
    null,
  )
  const current = draft && draft.of === value ? draft : null
  const written = current?.written ?? writeAny(value)
  const write = (next: string): void => {
    const reading = readAny(next)
    const isFine =
      'value' in reading && (reading.value === undefined || !accepts || accepts(reading.value))
    if (!isFine) {
      setDraft({ of: value, written: next, isWrong: true })
      return
    }
    setDraft({ of: reading.value, written: next, isWrong: false })
    onChange(reading.value)
  }
  return (
    <>
      <textarea
        spellCheck={false}
        rows={Math.min(Math.max(written.split('\n').length, 2), 14)}
        placeholder={text.form.anyHint}
        {...rest}
        value={written}
        onChange={(event) => write(event.target.value)}
        aria-invalid={current?.isWrong || rest['aria-invalid']}
        className={classes(INPUT, 'block resize-y py-1.5 font-mono text-xs leading-5', className)}
      />
      {current?.isWrong ? (
        <p className="text-[11px] text-destructive">{text.form.badJson}</p>
      ) : null}
    </>
  )
}
