import type { Json, JsonObject } from '@/model/document'
import { Choice, Field, TextLine } from '../form/fields'
import { text } from '../text'

interface BoundsProps {
  settings: JsonObject
  onSet: (settings: JsonObject | undefined) => void
}

const PRIORITIES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const USUAL_PRIORITY = 5
const ENDS = ['failed', 'cancelled', 'timed_out'] as const

/** How long runs may take, how much of them goes on at once, what is undone when they fail. */
export function Bounds({ settings, onSet }: BoundsProps) {
  const set = (key: string, value: Json | undefined): void => {
    const { [key]: _, ...rest } = settings
    const next = value === undefined ? rest : { ...settings, [key]: value }
    onSet(Object.keys(next).length > 0 ? next : undefined)
  }
  return (
    <>
      <div className="grid grid-cols-2 gap-3">
        <Line
          label={text.panel.deadline}
          value={settings.deadline}
          placeholder="1h"
          onSet={(written) => set('deadline', written || undefined)}
        />
        <Field label={text.panel.priority}>
          {(ids) => (
            <Choice
              {...ids}
              value={String(settings.priority ?? USUAL_PRIORITY)}
              onChange={(value) =>
                set('priority', Number(value) === USUAL_PRIORITY ? undefined : Number(value))
              }
              options={PRIORITIES.map((each) => [String(each), text.panel.priorities(each)])}
            />
          )}
        </Field>
        <Line
          label={text.panel.maxParallel}
          value={settings.max_parallel}
          placeholder="1000"
          onSet={(written) => set('max_parallel', numeric(written))}
        />
        <Line
          label={text.panel.maxAgents}
          value={settings.max_agents}
          placeholder="5"
          onSet={(written) => set('max_agents', numeric(written))}
        />
      </div>
      <Field label={text.panel.unknownTypes}>
        {(ids) => (
          <Choice
            {...ids}
            value={settings.unknown_types === 'fail' ? 'fail' : 'skip'}
            onChange={(value) => set('unknown_types', value === 'fail' ? 'fail' : undefined)}
            options={[
              ['skip', text.panel.unknownSkip],
              ['fail', text.panel.unknownFail],
            ]}
          />
        )}
      </Field>
      <CompensateOn
        value={Array.isArray(settings.compensate_on) ? settings.compensate_on : []}
        onSet={(ends) => set('compensate_on', ends.length > 0 ? ends : undefined)}
      />
    </>
  )
}

/** What is no number stays as it was written: the compiler says so, nothing is lost. */
export function numeric(written: string): Json | undefined {
  if (written === '') return undefined
  return Number.isNaN(Number(written)) ? written : Number(written)
}

interface LineProps {
  label: string
  value: Json | undefined
  placeholder: string
  onSet: (written: string) => void
}

function Line({ label, value, placeholder, onSet }: LineProps) {
  return (
    <Field label={label}>
      {(ids) => (
        <TextLine
          {...ids}
          value={value === undefined ? '' : String(value)}
          placeholder={placeholder}
          onChange={onSet}
        />
      )}
    </Field>
  )
}

function CompensateOn({ value, onSet }: { value: Json[]; onSet: (ends: Json[]) => void }) {
  return (
    <fieldset className="space-y-1">
      <legend className="font-medium">{text.panel.compensateOn}</legend>
      {ENDS.map((end) => (
        <label key={end} className="flex h-6 items-center gap-2">
          <input
            type="checkbox"
            checked={value.includes(end)}
            onChange={(event) => {
              const others = value.filter((each) => each !== end)
              onSet(
                event.target.checked
                  ? ENDS.filter((each) => each === end || value.includes(each))
                  : others,
              )
            }}
            className="size-3.5 accent-primary"
          />
          {text.panel.compensateEnds[end]}
        </label>
      ))}
    </fieldset>
  )
}
