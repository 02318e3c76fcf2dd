import { enumOptionsValueForIndex, type WidgetProps } from '@rjsf/utils'

/** The browser's own choice, which keyboards and screen readers know. Its options are addressed by
 * index, since values may be anything that JSON holds. */
export function FormSelect({ id, value, options, required, disabled, onChange }: WidgetProps) {
  const { enumOptions = [], emptyValue } = options
  const chosen = enumOptions.findIndex((each) => each.value === value)
  return (
    <select
      id={id}
      name={id}
      value={chosen < 0 ? '' : String(chosen)}
      disabled={disabled ?? false}
      onChange={({ target }) =>
        onChange(enumOptionsValueForIndex(target.value, enumOptions, emptyValue))
      }
      className="h-8 w-full rounded-md border border-input bg-background px-2"
    >
      {chosen < 0 || !required ? <option value="">–</option> : null}
      {enumOptions.map(({ label }, index) => (
        <option key={label} value={index}>
          {label}
        </option>
      ))}
    </select>
  )
}
