import { Link } from '@tanstack/react-router'
import type { RunFilter } from '@/api/runs'
import { buttonLook } from '@/components/Button'
import { EmptyState } from '@/components/EmptyState'
import { text } from '@/text'
import { StartAnyRun } from './StartAnyRun'

/** Three kinds of nothing: hidden by filters, this flow never ran, nothing ever ran. */
export function NoRuns({ filter }: { filter: RunFilter }) {
  if (filter.status) {
    return (
      <EmptyState title={text.runs.noMatch.title} detail={text.runs.noMatch.detail}>
        <Link to="/runs" search={{}} className={buttonLook()}>
          {text.runs.noMatch.action}
        </Link>
      </EmptyState>
    )
  }
  if (filter.workflow) {
    return (
      <EmptyState title={text.runs.noneOfFlow.title} detail={text.runs.noneOfFlow.detail}>
        <StartAnyRun workflow={filter.workflow} />
      </EmptyState>
    )
  }
  return (
    <EmptyState title={text.runs.none.title} detail={text.runs.none.detail}>
      <Link to="/flows" className={buttonLook({ look: 'primary' })}>
        {text.runs.none.action}
      </Link>
    </EmptyState>
  )
}
