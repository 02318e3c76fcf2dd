import { createContext } from 'react'
import { classes } from '@/components/classes'
import { text } from '../text'

/** Set by a field that can hold an expression instead of its own kind of value. */
export const SwitchContext = createContext<(() => void) | null>(null)

/** The `=` beside a label. */
export function ExpressionSwitch({ isOn, onSwitch }: { isOn: boolean; onSwitch: () => void }) {
  const label = isOn ? text.form.toFixed : text.form.toExpression
  return (
    <button
      type="button"
      aria-pressed={isOn}
      aria-label={label}
      title={label}
      onClick={onSwitch}
      className={classes(
        'size-5 rounded-sm font-mono text-xs leading-5',
        isOn ? 'bg-primary text-primary-foreground' : 'text-muted-foreground hover:bg-accent',
      )}
    >
      =
    </button>
  )
}
