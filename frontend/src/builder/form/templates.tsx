import type {
  ArrayFieldItemTemplateProps,
  ArrayFieldTemplateProps,
  BaseInputTemplateProps,
  FieldTemplateProps,
  ObjectFieldTemplateProps,
  WidgetProps,
  WrapIfAdditionalTemplateProps,
} from '@rjsf/utils'
import { ADDITIONAL_PROPERTY_FLAG } from '@rjsf/utils'
import { Plus, X } from 'lucide-react'
import { type ReactNode, use } from 'react'
import { Button } from '@/components/Button'
import { classes } from '@/components/classes'
import { hasTemplate } from '@/model/document'
import { text } from '../text'
import { ExpressionSwitch, SwitchContext } from './ExpressionSwitch'
import { INPUT, LINE } from './fields'

interface RowProps {
  id: string
  label: string
  required?: boolean | undefined
  hint?: string | undefined
  faults?: string[] | undefined
  end?: ReactNode
  children: ReactNode
}

/** Label, control, what is wrong, what is to know. */
export function Row({ id, label, required, hint, faults, end, children }: RowProps) {
  return (
    <div className="space-y-1">
      <div className="flex items-center gap-1">
        <label htmlFor={id} className="min-w-0 flex-1 truncate font-medium">
          {label}
          {required ? <span className="text-muted-foreground"> *</span> : null}
        </label>
        {end}
      </div>
      {children}
      <Faults faults={faults} />
      {hint ? <p className="text-[11px] text-muted-foreground leading-4">{hint}</p> : null}
    </div>
  )
}

function Faults({ faults }: { faults: string[] | undefined }) {
  return faults?.map((fault) => (
    <p key={fault} className="break-words text-[11px] text-destructive">
      {fault}
    </p>
  ))
}

export function FieldTemplate(props: FieldTemplateProps) {
  const { id, label, required, rawDescription, rawErrors, children, hidden } = props
  const onSwitch = use(SwitchContext)
  if (hidden) return null
  const isRoot = props.fieldPathId.path.length === 0
  const isExtra = ADDITIONAL_PROPERTY_FLAG in props.schema
  const isItem = typeof props.fieldPathId.path.at(-1) === 'number'
  const inner = <SwitchContext value={null}>{children}</SwitchContext>
  if (isRoot) return inner
  if (isExtra) return <WrapIfAdditional {...props}>{inner}</WrapIfAdditional>
  if (isItem) {
    return (
      <>
        {inner}
        <Faults faults={rawErrors} />
      </>
    )
  }
  return (
    <Row
      id={id}
      label={label}
      required={required}
      hint={rawDescription}
      faults={rawErrors}
      end={onSwitch ? <ExpressionSwitch isOn={false} onSwitch={onSwitch} /> : null}
    >
      {inner}
    </Row>
  )
}

/** A field whose name is free: name and value side by side. */
export function WrapIfAdditional({
  id,
  label,
  children,
  onKeyRenameBlur,
  onRemoveProperty,
}: Pick<
  WrapIfAdditionalTemplateProps,
  'id' | 'label' | 'children' | 'onKeyRenameBlur' | 'onRemoveProperty'
>) {
  return (
    <div className="flex items-start gap-1.5">
      <input
        id={`${id}-key`}
        aria-label={text.form.key}
        defaultValue={label}
        key={label}
        spellCheck={false}
        onBlur={onKeyRenameBlur}
        className={classes(LINE, 'w-2/5 font-mono text-xs')}
      />
      <div className="min-w-0 flex-1">{children}</div>
      <RemoveButton onClick={onRemoveProperty} />
    </div>
  )
}

function RemoveButton({ onClick, disabled }: { onClick: () => void; disabled?: boolean }) {
  return (
    <Button
      look="ghost"
      size="icon"
      className="shrink-0 text-muted-foreground"
      aria-label={text.form.remove}
      onClick={onClick}
      {...(disabled === undefined ? {} : { disabled })}
    >
      <X />
    </Button>
  )
}

/** Required fields first, the others folded under Options. */
export function ObjectFieldTemplate(props: ObjectFieldTemplateProps) {
  const { properties, schema, fieldPathId, onAddProperty } = props
  const required = new Set(schema.required ?? [])
  const value = props.formData ?? {}
  const isRoot = fieldPathId.path.length === 0
  const isFirst = (name: string): boolean =>
    !isRoot || required.has(name) || Object.hasOwn(value, name) || required.size === 0
  const first = properties.filter(({ name }) => isFirst(name))
  const rest = properties.filter(({ name }) => !isFirst(name))
  const isOpen = Boolean(schema.additionalProperties)
  return (
    <div className={isRoot ? 'space-y-4' : 'space-y-2.5 rounded-md border p-2.5'}>
      {first.map(({ content, name }) => (
        <div key={name}>{content}</div>
      ))}
      {isOpen ? <AddButton onClick={onAddProperty} /> : null}
      {rest.length > 0 ? (
        <details className="group">
          <summary className="cursor-pointer py-1 text-muted-foreground">
            {text.panel.options} ({rest.length})
          </summary>
          <div className="space-y-4 pt-2">
            {rest.map(({ content, name }) => (
              <div key={name}>{content}</div>
            ))}
          </div>
        </details>
      ) : null}
    </div>
  )
}

function AddButton({ onClick }: { onClick: () => void }) {
  return (
    <Button size="small" onClick={onClick}>
      <Plus aria-hidden />
      {text.form.add}
    </Button>
  )
}

export function ArrayFieldTemplate({ items, canAdd, onAddClick }: ArrayFieldTemplateProps) {
  return (
    <div className="space-y-1.5">
      {items}
      {canAdd ? <AddButton onClick={() => onAddClick()} /> : null}
    </div>
  )
}

export function ArrayFieldItemTemplate({ children, buttonsProps }: ArrayFieldItemTemplateProps) {
  return (
    <div className="flex items-start gap-1.5">
      <div className="min-w-0 flex-1">{children}</div>
      {buttonsProps.hasRemove ? <RemoveButton onClick={() => buttonsProps.onRemoveItem()} /> : null}
    </div>
  )
}

/** `=` in an empty field begins an expression. */
function afterEquals(written: string): string {
  return written === '=' ? '$' + '{}' : written
}

export function BaseInputTemplate(props: BaseInputTemplateProps) {
  const { id, value, onChange, required, disabled, readonly, placeholder, rawErrors, schema } =
    props
  const isNumber = schema.type === 'number' || schema.type === 'integer'
  return (
    <input
      id={id}
      type="text"
      inputMode={isNumber ? 'decimal' : 'text'}
      autoComplete="off"
      spellCheck={false}
      value={value ?? ''}
      required={required}
      disabled={disabled}
      readOnly={readonly}
      placeholder={placeholder}
      aria-invalid={Boolean(rawErrors?.length)}
      onChange={(event) => {
        const written = afterEquals(event.target.value)
        onChange(written === '' ? undefined : written)
        if (written !== event.target.value) caretInside(event.target)
      }}
      className={classes(LINE, hasTemplate(value) && 'font-mono text-xs')}
    />
  )
}

/** Between the braces, once the new text is there. */
function caretInside(field: HTMLInputElement | HTMLTextAreaElement): void {
  requestAnimationFrame(() => field.setSelectionRange(2, 2))
}

export function TextareaWidget({ id, value, onChange, placeholder, rawErrors }: WidgetProps) {
  const written = String(value ?? '')
  return (
    <textarea
      id={id}
      value={written}
      placeholder={placeholder}
      rows={Math.min(Math.max(written.split('\n').length, 3), 14)}
      aria-invalid={Boolean(rawErrors?.length)}
      onChange={(event) => {
        const next = afterEquals(event.target.value)
        onChange(next === '' ? undefined : next)
        if (next !== event.target.value) caretInside(event.target)
      }}
      className={classes(INPUT, 'block resize-y py-1.5')}
    />
  )
}

export function SelectWidget({ id, value, onChange, options, required }: WidgetProps) {
  const choices = options.enumOptions ?? []
  const at = choices.findIndex((choice) => choice.value === value)
  return (
    <select
      id={id}
      value={at < 0 ? '' : String(at)}
      onChange={(event) =>
        onChange(event.target.value === '' ? undefined : choices[Number(event.target.value)]?.value)
      }
      className={classes(LINE, 'px-1.5')}
    >
      {required && at >= 0 ? null : <option value="">{text.form.unset}</option>}
      {choices.map((choice, index) => (
        <option key={String(choice.value)} value={String(index)}>
          {choice.label}
        </option>
      ))}
    </select>
  )
}

/** Yes, no, or not set: a box could not say the third. */
export function CheckboxWidget({ id, value, onChange }: WidgetProps) {
  return (
    <select
      id={id}
      value={value === undefined ? '' : String(value)}
      onChange={(event) =>
        onChange(event.target.value === '' ? undefined : event.target.value === 'true')
      }
      className={classes(LINE, 'px-1.5')}
    >
      <option value="">{text.form.unset}</option>
      <option value="true">{text.form.yes}</option>
      <option value="false">{text.form.no}</option>
    </select>
  )
}
