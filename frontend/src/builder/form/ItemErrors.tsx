import type { FieldProps } from '@rjsf/utils'
import { isObject } from '@/model/document'
import { text } from '../text'
import { Choice, TextLine } from './fields'
import { Row } from './templates'

/** What a failed item means: for the step, or for the list of errors. */
export function ItemErrors({ formData, fieldPathId, onChange, schema, errorSchema }: FieldProps) {
  const id = fieldPathId.$id
  const set = (value: unknown): void => onChange(value, fieldPathId.path)
  const tolerated = isObject(formData) ? formData.tolerate : undefined
  const kind = tolerated === undefined ? (formData === 'collect' ? 'collect' : 'fail') : 'tolerate'
  const words = text.form.itemErrors
  return (
    <Row
      id={id}
      label={schema.title ?? ''}
      hint={schema.description}
      faults={errorSchema?.__errors}
    >
      <div className="flex gap-2">
        <Choice
          id={id}
          value={kind}
          onChange={(next) =>
            set(next === 'tolerate' ? { tolerate: 1 } : next === 'collect' ? 'collect' : undefined)
          }
          options={[
            ['fail', words.fail],
            ['collect', words.collect],
            ['tolerate', words.tolerate],
          ]}
        />
        {kind === 'tolerate' ? (
          <TextLine
            inputMode="numeric"
            aria-label={text.form.tolerated}
            value={String(tolerated)}
            onChange={(written) => set({ tolerate: Number(written.replace(/\D/g, '')) })}
            className="w-16"
          />
        ) : null}
      </div>
    </Row>
  )
}
