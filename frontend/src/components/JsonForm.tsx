import { withTheme } from '@rjsf/core'
import { Theme } from '@rjsf/shadcn'
import type { UiSchema } from '@rjsf/utils'
import { type ReactNode, useCallback, useMemo, useState } from 'react'
import { isObject } from '@/model/document'
import type { JsonSchema } from '@/model/formValidator'
import { FormSelect } from './FormSelect'
import { rjsfValidator } from './rjsfValidator'

const ThemedForm = withTheme<unknown, JsonSchema>(Theme as never)
const WIDGETS = { SelectWidget: FormSelect }

/** What is required comes first: documents do not keep the order of their fields. */
function arrange(schema: JsonSchema, value: unknown): UiSchema {
  const required = Array.isArray(schema.required) ? schema.required.map(String) : []
  const { properties } = schema as { properties?: object }
  const known = required.filter((name) => Object.hasOwn(properties ?? {}, name))
  return {
    'ui:submitButtonOptions': { norender: true },
    ...(known.length > 0 ? { 'ui:order': [...known, '*'] } : {}),
    ...longTexts(properties ?? {}, value),
  }
}

const LINE_LENGTH = 40
const LINES = { 'ui:widget': 'textarea', 'ui:options': { rows: 3 } }

/** Texts that would be cut in a line get several: what is decided on must be seen whole. */
function longTexts(properties: object, value: unknown): UiSchema {
  const values = new Map(isObject(value) ? Object.entries(value) : [])
  const isLong = ([name, schema]: [string, unknown]): boolean => {
    const text = values.get(name)
    if (typeof text !== 'string' || !isObject(schema)) return false
    const isFree = schema.type === 'string' && !schema.enum && !schema.format
    return isFree && (text.length > LINE_LENGTH || text.includes('\n'))
  }
  const long = Object.entries(properties).filter(isLong)
  return Object.fromEntries(long.map(([name]) => [name, LINES]))
}

/** The form marks the fields; the library would write to the console as well. */
function keepQuiet(): void {}

interface JsonFormProps {
  /** Of the whole form; the ids of fields begin with it. A `<button form={id}>` submits. */
  id: string
  schema: JsonSchema
  value: unknown
  onChange: (value: unknown) => void
  /** Called with valid data only. */
  onSubmit: (value: unknown) => void
  disabled?: boolean
  /** After the fields, inside the form. */
  children?: ReactNode
}

/** A form from a JSON Schema. Heavy: import it lazily (`lazyJsonForm`). */
export function JsonForm({
  id,
  schema,
  value,
  onChange,
  onSubmit,
  disabled,
  children,
}: JsonFormProps) {
  const change = useCallback(
    (event: { formData?: unknown }) => onChange(event.formData),
    [onChange],
  )
  // By the first value: a field must not change its kind while somebody writes in it.
  const [first] = useState(value)
  const uiSchema = useMemo(() => arrange(schema, first), [schema, first])
  return (
    <ThemedForm
      id={id}
      idPrefix={id}
      className="json-form"
      schema={schema}
      uiSchema={uiSchema as never}
      widgets={WIDGETS as never}
      onError={keepQuiet}
      validator={rjsfValidator as never}
      formData={value}
      onChange={change}
      onSubmit={(event) => onSubmit(event.formData)}
      disabled={disabled ?? false}
      noHtml5Validate
      showErrorList={false}
      focusOnFirstError
    >
      {children}
    </ThemedForm>
  )
}
