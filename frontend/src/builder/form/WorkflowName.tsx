import type { FieldProps } from '@rjsf/utils'
import { Row } from './templates'
import { WorkflowField } from './WorkflowField'

/** The setting of a type that names a saved flow. */
export function WorkflowName(props: FieldProps) {
  const { formData, fieldPathId, onChange, schema, required, name, errorSchema } = props
  return (
    <Row
      id={fieldPathId.$id}
      label={schema.title ?? name}
      required={required}
      hint={schema.description}
      faults={errorSchema?.__errors}
    >
      <WorkflowField
        id={fieldPathId.$id}
        value={typeof formData === 'string' ? formData : ''}
        isWrong={Boolean(errorSchema?.__errors?.length)}
        onChange={(next) => onChange(next, fieldPathId.path)}
      />
    </Row>
  )
}
