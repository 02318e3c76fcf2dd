import { withTheme } from '@rjsf/core'
import { Theme } from '@rjsf/shadcn'
import type { UiSchema } from '@rjsf/utils'
import { type ReactNode, useCallback } from 'react'
import type { JsonSchema } from '@/model/formValidator'
import { rjsfValidator } from './rjsfValidator'

const ThemedForm = withTheme<unknown, JsonSchema>(Theme as never)
const NO_SUBMIT: UiSchema = { 'ui:submitButtonOptions': { norender: true } }

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
  return (
    <ThemedForm
      id={id}
      idPrefix={id}
      className="json-form"
      schema={schema}
      uiSchema={NO_SUBMIT as never}
      validator={rjsfValidator as never}
      formData={value}
      onChange={change}
      onSubmit={(event) => onSubmit(event.formData)}
      disabled={disabled ?? false}
      noHtml5Validate
      showErrorList={false}
      focusOnFirstError
    >
      {children ?? <></>}
    </ThemedForm>
  )
}
