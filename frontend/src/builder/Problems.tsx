import { ChevronDown, ChevronUp, CircleAlert, CircleCheck, TriangleAlert } from 'lucide-react'
import { useState } from 'react'
import { findNode } from '@/model/document'
import { documentOf, useBuilder } from '@/store/builder'
import { faultPlace } from './faults'
import { titleOf } from './kinds'
import { text } from './text'

interface ProblemsProps {
  isChecking: boolean
  /** Why the server could not be asked. */
  failure: string | null
  /** To a place in the text: its offset. */
  onText: (offset: number) => void
  /** To what a pointer names. */
  onPointer: (pointer: string) => void
}

interface Line {
  key: string
  isError: boolean
  place: string
  message: string
  go: () => void
}

/** What the compiler says, in one line that opens to a list. */
export function Problems({ isChecking, failure, onText, onPointer }: ProblemsProps) {
  const [isOpen, setIsOpen] = useState(false)
  const lines = useLines(onText, onPointer)
  const errors = lines.filter(({ isError }) => isError).length
  const warnings = lines.length - errors
  return (
    <section aria-label={text.problems.title} className="shrink-0 border-t bg-background">
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => setIsOpen((open) => !open)}
        className="flex h-8 w-full items-center gap-3 px-3 text-left text-xs hover:bg-accent"
      >
        {errors > 0 ? (
          <span className="flex items-center gap-1 text-state-failed">
            <CircleAlert aria-hidden className="size-3.5" />
            {text.canvas.errors(errors)}
          </span>
        ) : null}
        {warnings > 0 ? (
          <span className="flex items-center gap-1 text-state-counter">
            <TriangleAlert aria-hidden className="size-3.5" />
            {text.canvas.warnings(warnings)}
          </span>
        ) : null}
        {lines.length === 0 ? (
          <span className="flex items-center gap-1 text-muted-foreground">
            <CircleCheck aria-hidden className="size-3.5" />
            {failure ? `${text.problems.unchecked}: ${failure}` : text.problems.none}
          </span>
        ) : null}
        <span className="flex-1 text-muted-foreground">
          {isChecking ? text.problems.checking : ''}
        </span>
        {isOpen ? (
          <ChevronDown aria-hidden className="size-3.5" />
        ) : (
          <ChevronUp aria-hidden className="size-3.5" />
        )}
      </button>
      {isOpen && lines.length > 0 ? (
        <ul className="max-h-48 overflow-y-auto border-t py-1">
          {lines.map((line) => (
            <li key={line.key} className="flex items-baseline gap-3 px-3 py-1 hover:bg-accent">
              <span
                className={`w-36 shrink-0 truncate font-mono text-xs ${line.isError ? 'text-state-failed' : 'text-state-counter'}`}
              >
                {line.place}
              </span>
              <span className="min-w-0 flex-1 break-words">{line.message}</span>
              <button
                type="button"
                onClick={line.go}
                className="shrink-0 text-primary underline-offset-4 hover:underline"
              >
                {text.problems.goTo}
              </button>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  )
}

function useLines(onText: (offset: number) => void, onPointer: (pointer: string) => void): Line[] {
  const document = useBuilder(documentOf)
  const broken = useBuilder((state) => state.broken)
  const diagnostics = useBuilder((state) => state.diagnostics)
  const checked = useBuilder((state) => state.checkedFor) ?? document
  if (broken) {
    return broken.faults.map(({ message, offset, line, column }) => ({
      key: `${offset} ${message}`,
      isError: true,
      place: text.problems.line(line, column),
      message,
      go: () => onText(offset),
    }))
  }
  return diagnostics.map(({ severity, path, message }) => {
    const { node, edge, rest } = faultPlace(checked, path)
    const step = node === null ? undefined : findNode(checked, node)
    const link = edge === null ? undefined : checked.edges[edge]
    const place = step
      ? titleOf(step)
      : link
        ? `${link.from} → ${link.to}`
        : rest[0] || text.problems.flow
    return {
      key: `${path} ${message}`,
      isError: severity === 'error',
      place,
      message,
      go: () => onPointer(path),
    }
  })
}
