import type { Execution } from '@/model/run-executions'
import { text } from '@/text'

interface ExecutionChoiceProps {
  of: readonly Execution[]
  value: number | null
  onChange: (past: number | null) => void
}

/** In a loop: which of its executions is shown, the latest first. */
export function ExecutionChoice({ of, value, onChange }: ExecutionChoiceProps) {
  if (of.length < 2) return null
  const last = of.length - 1
  const nameOf = ({ rounds }: Execution, at: number): string =>
    text.run.executionOf(rounds.join('.'), at + 1)
  return (
    <select
      aria-label={text.run.execution}
      value={value ?? last}
      onChange={({ target }) =>
        onChange(Number(target.value) === last ? null : Number(target.value))
      }
      className="h-6 max-w-44 shrink-0 rounded-md border border-input bg-background px-1 text-xs"
    >
      {of
        .map((each, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: executions are never moved
          <option key={at} value={at}>
            {at === last ? text.run.latest(nameOf(each, at)) : nameOf(each, at)}
          </option>
        ))
        .reverse()}
    </select>
  )
}
