import { classes } from '@/components/classes'
import type { DocumentNode, JsonObject } from '@/model/document'
import type { NodeFields } from '@/model/edits'
import { Choice, Field, INPUT, TextLine } from '../form/fields'
import { text } from '../text'
import { Compensate } from './Compensate'

interface BehaviourProps {
  node: DocumentNode
  onSet: (fields: NodeFields) => void
}

/** When a step runs, how often it is tried, how long it may take, what its errors mean. */
export function Behaviour({ node, onSet }: BehaviourProps) {
  const join = typeof node.join === 'number' ? 'count' : (node.join ?? 'all')
  const setJoin = (value: string): void => {
    if (value === 'count') onSet({ join: 2 })
    else onSet({ join: value === 'any' ? 'any' : undefined })
  }
  return (
    <>
      <Field label={text.panel.guard} hint={text.panel.guardHint}>
        {(ids) => (
          <textarea
            {...ids}
            rows={2}
            spellCheck={false}
            value={node.when ?? ''}
            placeholder="inputs.notify"
            onChange={(event) => onSet({ when: event.target.value || undefined })}
            className={classes(INPUT, 'block resize-y py-1.5 font-mono text-xs')}
          />
        )}
      </Field>
      <Field label={text.panel.join}>
        {(ids) => (
          <div className="flex gap-2">
            <Choice
              {...ids}
              value={join}
              onChange={setJoin}
              options={[
                ['all', text.panel.joinAll],
                ['any', text.panel.joinAny],
                ['count', text.panel.joinCount],
              ]}
            />
            {typeof node.join === 'number' ? (
              <TextLine
                inputMode="numeric"
                aria-label={text.panel.joinCount}
                value={String(node.join)}
                onChange={(value) => onSet({ join: Math.max(1, Math.trunc(Number(value)) || 1) })}
                className="w-16"
              />
            ) : null}
          </div>
        )}
      </Field>
      <Field label={text.panel.onError}>
        {(ids) => (
          <Choice
            {...ids}
            value={node.on_error ?? 'fail'}
            onChange={(value) => onSet({ on_error: value === 'continue' ? 'continue' : undefined })}
            options={[
              ['fail', text.panel.onErrorFail],
              ['continue', text.panel.onErrorContinue],
            ]}
          />
        )}
      </Field>
      <Compensate node={node} onSet={onSet} />
      <Field label={text.panel.timeout}>
        {(ids) => (
          <TextLine
            {...ids}
            value={node.timeout ?? ''}
            placeholder="30s"
            onChange={(value) => onSet({ timeout: value || undefined })}
          />
        )}
      </Field>
      <Retry retry={node.retry} onSet={(retry) => onSet({ retry })} />
    </>
  )
}

const RETRY_FIELDS = [
  ['max_attempts', text.panel.retry, '1', true],
  ['initial', text.panel.retryInitial, '1s', false],
  ['multiplier', text.panel.retryMultiplier, '2', true],
  ['max', text.panel.retryMax, '60s', false],
] as const

interface RetryProps {
  retry: JsonObject | undefined
  onSet: (retry: JsonObject | undefined) => void
}

function Retry({ retry = {}, onSet }: RetryProps) {
  const set = (key: string, written: string, isNumber: boolean): void => {
    const { [key]: _, ...rest } = retry
    const number = Number(written)
    // What is no number stays as it was written: the compiler says so, nothing is lost.
    const value = isNumber && !Number.isNaN(number) ? number : written
    const next = written === '' ? rest : { ...retry, [key]: value }
    onSet(Object.keys(next).length > 0 ? next : undefined)
  }
  return (
    <div className="grid grid-cols-2 gap-3">
      {RETRY_FIELDS.map(([key, label, placeholder, isNumber]) => (
        <Field key={key} label={label}>
          {(ids) => (
            <TextLine
              {...ids}
              value={retry[key] === undefined ? '' : String(retry[key])}
              placeholder={placeholder}
              onChange={(written) => set(key, written, isNumber)}
            />
          )}
        </Field>
      ))}
    </div>
  )
}
