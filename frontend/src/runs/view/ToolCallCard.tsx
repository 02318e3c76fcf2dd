import { ChevronRight, Wrench } from 'lucide-react'
import { JsonView } from '@/components/JsonView'
import { isObject } from '@/model/document'
import type { ToolCall } from '@/model/turns'
import { text } from '@/text'
import { Nothing, Section } from './Section'

/** A tool that a model called, in a line until somebody unfolds it; a failed call stands open. */
export function ToolCallCard({ call, isAtWork }: { call: ToolCall; isAtWork: boolean }) {
  const { name, result, is_error } = call
  const given = parsed(call.arguments ?? '')
  const runs = isAtWork && typeof result !== 'string'
  return (
    <details
      open={is_error === true}
      aria-label={text.run.toolCall(name)}
      className="group rounded-md border bg-surface px-3 py-1.5"
    >
      <summary className="flex cursor-pointer list-none items-center gap-1.5 text-xs">
        <ChevronRight
          aria-hidden
          className="size-3.5 shrink-0 text-muted-foreground group-open:rotate-90"
        />
        <Wrench aria-hidden className="size-3.5 shrink-0 text-muted-foreground" />
        <bdi className="shrink-0 font-mono">{name}</bdi>
        <bdi className="min-w-0 flex-1 truncate text-muted-foreground">{intentOf(given)}</bdi>
        {runs ? <span className="text-muted-foreground">{text.run.toolRuns}</span> : null}
        {is_error ? <span className="text-state-failed">{text.run.error}</span> : null}
      </summary>
      <div className="mt-2 flex flex-col gap-3 pb-1">
        {isEmpty(given) ? null : (
          <Section title={text.run.toolArguments}>
            <JsonView value={given} label={text.run.toolArguments} />
          </Section>
        )}
        {typeof result === 'string' ? (
          <Section title={text.run.toolResult}>
            <JsonView value={parsed(result)} label={text.run.toolResult} />
          </Section>
        ) : runs ? (
          <Nothing>{text.run.toolRuns}</Nothing>
        ) : null}
      </div>
    </details>
  )
}

/** What the model wrote about its reason, if the tool takes such a note. */
function intentOf(given: unknown): string {
  return isObject(given) && typeof given.note === 'string' ? given.note : ''
}

const isEmpty = (given: unknown): boolean =>
  given === '' || (isObject(given) && Object.keys(given).length === 0)

/** As JSON where it is JSON: both are what a model wrote or read. */
function parsed(written: string): unknown {
  try {
    return JSON.parse(written)
  } catch {
    return written
  }
}
