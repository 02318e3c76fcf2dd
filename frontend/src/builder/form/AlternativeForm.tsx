import { useState } from 'react'
import type { JsonObject } from '@/model/document'
import { text } from '../text'
import { ConfigForm, type ConfigFormProps } from './ConfigForm'
import { Choice, Field } from './fields'
import { alternativesOf, withAlternative } from './formSchema'

/** A form that asks first for which of its alternatives, where a config has exactly one of them. */
export function AlternativeForm(props: ConfigFormProps) {
  const alternatives = alternativesOf(props.schema)
  return alternatives ? (
    <Chosen {...props} alternatives={alternatives} />
  ) : (
    <ConfigForm {...props} />
  )
}

function Chosen({ alternatives, ...props }: ConfigFormProps & { alternatives: string[] }) {
  const { schema, value, onChange, idPrefix } = props
  const present = alternatives.find((name) => value[name] !== undefined)
  const [wanted, setWanted] = useState(present ?? alternatives[0] ?? '')
  // A config that has another one, by undo or by YAML, is shown as it is.
  const chosen = value[wanted] === undefined ? (present ?? wanted) : wanted
  const shown = withAlternative(schema, alternatives, chosen)
  const choose = (name: string): void => {
    setWanted(name)
    const fields = withAlternative(schema, alternatives, name).properties ?? {}
    const kept = Object.entries(value).filter(([key]) => Object.hasOwn(fields, key))
    onChange({ ...Object.fromEntries(kept), [name]: '' } as JsonObject)
  }
  return (
    <div className="space-y-4">
      <Field label={text.form.alternative}>
        {(ids) => (
          <Choice
            {...ids}
            value={chosen}
            onChange={choose}
            options={alternatives.map((name) => [name, labelOf(name)])}
          />
        )}
      </Field>
      <ConfigForm key={chosen} {...props} schema={shown} idPrefix={`${idPrefix}-${chosen}`} />
    </div>
  )
}

function labelOf(name: string): string {
  const words: Readonly<Record<string, string>> = text.form.alternatives
  return words[name] ?? name
}
