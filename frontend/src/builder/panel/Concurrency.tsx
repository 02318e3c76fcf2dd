import type { Json, JsonObject } from '@/model/document'
import { Choice, Field, TextLine } from '../form/fields'
import { text } from '../text'
import { numeric } from './Bounds'

interface ConcurrencyProps {
  value: JsonObject
  onSet: (value: JsonObject | undefined) => void
}

/** How many runs of the flow go on at once, and what becomes of one too many. */
export function Concurrency({ value, onSet }: ConcurrencyProps) {
  const set = (key: string, next: Json | undefined): void => {
    const { [key]: _, ...rest } = value
    const all = next === undefined ? rest : { ...value, [key]: next }
    onSet(Object.keys(all).length > 0 ? all : undefined)
  }
  const shown = (key: string): string => (value[key] === undefined ? '' : String(value[key]))
  return (
    <>
      <div className="grid grid-cols-2 gap-3">
        <Field label={text.panel.limit}>
          {(ids) => (
            <TextLine
              {...ids}
              inputMode="numeric"
              value={shown('limit')}
              placeholder={text.panel.noLimit}
              onChange={(written) => set('limit', numeric(written))}
            />
          )}
        </Field>
        <Field label={text.panel.onLimit}>
          {(ids) => (
            <Choice
              {...ids}
              value={shown('on_limit') || 'queue'}
              onChange={(next) => set('on_limit', next === 'queue' ? undefined : next)}
              options={[
                ['queue', text.panel.onLimitQueue],
                ['reject', text.panel.onLimitReject],
                ['cancel_oldest', text.panel.onLimitCancel],
              ]}
            />
          )}
        </Field>
      </div>
      <Field label={text.panel.concurrencyKey} hint={text.panel.concurrencyKeyHint}>
        {(ids) => (
          <TextLine
            {...ids}
            value={shown('key')}
            placeholder={'$' + '{inputs.customer}'}
            onChange={(written) => set('key', written || undefined)}
            className="font-mono text-xs"
          />
        )}
      </Field>
    </>
  )
}
