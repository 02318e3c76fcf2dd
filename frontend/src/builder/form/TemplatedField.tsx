import { getDefaultRegistry } from '@rjsf/core'
import type { FieldProps } from '@rjsf/utils'
import { useState } from 'react'
import { classes } from '@/components/classes'
import { hasTemplate, isObject } from '@/model/document'
import { ExpressionSwitch, SwitchContext } from './ExpressionSwitch'
import { AnyField, LINE } from './fields'
import { Row } from './templates'

const { SchemaField } = getDefaultRegistry().fields

/** Every field may hold a template: those that are no text get a switch between the two. */
export function TemplatedField(props: FieldProps) {
  const { schema: given, formData, fieldPathId, onChange, registry, name, required } = props
  const [wants, setWants] = useState(false)
  const schema = registry.schemaUtils.retrieveSchema(given, formData)
  const isRoot = fieldPathId.path.length === 0
  const isAny = props.uiSchema?.['ui:field'] !== undefined
  const isText = schema.type === 'string' && !schema.enum
  if (isRoot || isAny || isText || !SchemaField) return Inner(props)
  const isExpression = wants || hasTemplate(formData)
  if (!isExpression) {
    return <SwitchContext value={() => setWants(true)}>{Inner(props)}</SwitchContext>
  }
  const toFixed = (): void => {
    setWants(false)
    onChange(undefined, fieldPathId.path)
  }
  return (
    <Row
      id={fieldPathId.$id}
      label={schema.title ?? name}
      required={required}
      hint={schema.description}
      faults={props.errorSchema?.__errors}
      end={<ExpressionSwitch isOn onSwitch={toFixed} />}
    >
      <input
        id={fieldPathId.$id}
        value={typeof formData === 'string' ? formData : ''}
        placeholder={'$' + '{inputs.…}'}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value || undefined, fieldPathId.path)}
        className={classes(LINE, 'font-mono text-xs')}
      />
    </Row>
  )
}

function Inner(props: FieldProps) {
  return SchemaField ? <SchemaField {...props} /> : null
}

/** A field of no one shape, as JSON or text. */
export function AnyValue({ formData, fieldPathId, onChange, schema, errorSchema }: FieldProps) {
  const isMapping = schema.type === 'object'
  return (
    <AnyField
      id={fieldPathId.$id}
      value={formData}
      aria-invalid={Boolean(errorSchema?.__errors?.length)}
      {...(isMapping ? { accepts: (value) => isObject(value) || hasTemplate(value) } : {})}
      onChange={(value) => onChange(value, fieldPathId.path)}
    />
  )
}
