import { Wrench } from 'lucide-react'
import { JsonView } from '@/components/JsonView'
import type { ToolCall } from '@/model/turns'
import { text } from '@/text'
import { Nothing } from './Section'

/** A tool that a model called, folded up; its result once there is one. */
export function ToolCallCard({ call, isAtWork }: { call: ToolCall; isAtWork: boolean }) {
  const { name, result, is_error } = call
  return (
    <details
      open
      aria-label={text.run.toolCall(name)}
      className="rounded-md border bg-surface px-3 py-2"
    >
      <summary className="cursor-pointer font-mono text-xs">
        <Wrench aria-hidden className="mr-1.5 inline size-3.5 text-muted-foreground" />
        <bdi>{name}</bdi>
        {is_error ? <span className="ml-2 text-state-failed">{text.run.error}</span> : null}
      </summary>
      <div className="mt-2 flex flex-col gap-2">
        <JsonView value={parsed(call.arguments ?? '')} label={text.run.toolArguments} />
        {typeof result === 'string' ? (
          <JsonView value={parsed(result)} label={text.run.toolResult} />
        ) : isAtWork ? (
          <Nothing>{text.run.toolRuns}</Nothing>
        ) : null}
      </div>
    </details>
  )
}

/** As JSON where it is JSON: both are what a model wrote or read. */
function parsed(written: string): unknown {
  try {
    return JSON.parse(written)
  } catch {
    return written
  }
}
