import { withTheme } from '@rjsf/core'
import { Theme } from '@rjsf/shadcn'
import type { ErrorSchema, RJSFSchema, UiSchema } from '@rjsf/utils'
import { useMemo } from 'react'
import { rjsfValidator } from '@/components/rjsfValidator'
import type { JsonObject } from '@/model/document'
import { formSchema } from './formSchema'
import { ItemErrors } from './ItemErrors'
import { MapBody } from './MapBody'
import { AnyValue, TemplatedField } from './TemplatedField'
import {
  ArrayFieldItemTemplate,
  ArrayFieldTemplate,
  BaseInputTemplate,
  CheckboxWidget,
  FieldTemplate,
  ObjectFieldTemplate,
  SelectWidget,
  TextareaWidget,
} from './templates'
import { WorkflowName } from './WorkflowName'

const Form = withTheme({
  ...Theme,
  templates: {
    ...Theme.templates,
    FieldTemplate,
    ObjectFieldTemplate,
    ArrayFieldTemplate,
    ArrayFieldItemTemplate,
    BaseInputTemplate,
  },
  widgets: { ...Theme.widgets, SelectWidget, CheckboxWidget, TextareaWidget },
  fields: {
    ...Theme.fields,
    SchemaField: TemplatedField,
    AnyValue,
    ItemErrors,
    MapBody,
    WorkflowName,
  },
})

const NO_SUBMIT = { 'ui:submitButtonOptions': { norender: true } }

export interface ConfigFormProps {
  schema: RJSFSchema
  value: JsonObject
  /** What the compiler says, by JSON Pointer parts below the config. */
  faults: { path: string[]; message: string }[]
  onChange: (value: JsonObject) => void
  idPrefix: string
  /** Fields of its own for what a type asks for. */
  fields?: UiSchema
}

/** The settings of a step, from the JSON Schema of its type. */
export function ConfigForm(props: ConfigFormProps) {
  const { schema, value, faults, onChange, idPrefix, fields } = props
  const made = useMemo(() => formSchema(schema), [schema])
  const errors = useMemo(() => errorTree(faults), [faults])
  return (
    <Form
      tagName="div"
      idPrefix={idPrefix}
      schema={made.schema}
      uiSchema={{ ...made.uiSchema, ...fields, ...NO_SUBMIT }}
      formData={value}
      extraErrors={errors}
      validator={rjsfValidator}
      noValidate
      noHtml5Validate
      showErrorList={false}
      experimental_defaultFormStateBehavior={{
        emptyObjectFields: 'skipDefaults',
        arrayMinItems: { populate: 'never' },
      }}
      onChange={({ formData }) => onChange(cleaned(formData ?? {}) as JsonObject)}
    >
      {null}
    </Form>
  )
}

/** Without fields that are not set. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => (each === undefined ? null : cleaned(each)))
  if (typeof value !== 'object' || value === null) return value
  const set = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(set.map(([key, each]) => [key, cleaned(each)]))
}

function errorTree(faults: ConfigFormProps['faults']): ErrorSchema {
  const root: ErrorSchema = {}
  for (const { path, message } of faults) {
    if (path.includes('__proto__')) continue
    let at = root
    for (const key of path) {
      const next: ErrorSchema = at[key] ?? {}
      at[key] = next
      at = next
    }
    at.__errors = [...(at.__errors ?? []), message]
  }
  return root
}
