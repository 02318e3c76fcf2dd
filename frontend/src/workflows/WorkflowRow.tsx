import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { History, ListTree, Play } from 'lucide-react'
import { latestRunQuery } from '@/api/runs'
import type { WorkflowLine } from '@/api/types'
import { Button, buttonLook } from '@/components/Button'
import { RelativeTime } from '@/components/RelativeTime'
import { Skeleton } from '@/components/Skeleton'
import { StatusPill } from '@/components/StatusPill'
import { Cell, Row } from '@/components/Table'
import { text } from '@/text'

interface WorkflowRowProps {
  flow: WorkflowLine
  now: Date
  onRun: (name: string) => void
}

export function WorkflowRow({ flow, now, onRun }: WorkflowRowProps) {
  const { name, version, updated_at } = flow
  return (
    <Row>
      <Cell>
        <Link to="/flows/$name" params={{ name }} className="font-medium hover:underline">
          {name}
        </Link>
      </Cell>
      <Cell className="hidden text-muted-foreground md:table-cell">
        {text.common.version(version)}
      </Cell>
      <Cell>
        <LatestRun workflow={name} now={now} />
      </Cell>
      <Cell className="hidden text-muted-foreground lg:table-cell">
        <RelativeTime at={updated_at} now={now} />
      </Cell>
      <Cell>
        <div className="flex justify-end gap-1 text-muted-foreground group-focus-within:text-foreground group-hover:text-foreground">
          <Button look="ghost" size="small" aria-label={text.flows.run} onClick={() => onRun(name)}>
            <Play aria-hidden />
            <span className="hidden md:inline">{text.flows.run}</span>
          </Button>
          <Link
            to="/runs"
            search={{ workflow: name }}
            className={buttonLook({
              look: 'ghost',
              size: 'small',
              className: 'max-md:hidden',
            })}
          >
            <ListTree aria-hidden />
            {text.flows.allRuns}
          </Link>
          <Link
            to="/flows/$name/versions"
            params={{ name }}
            className={buttonLook({
              look: 'ghost',
              size: 'small',
              className: 'max-md:hidden',
            })}
          >
            <History aria-hidden />
            {text.flows.versions}
          </Link>
        </div>
      </Cell>
    </Row>
  )
}

function LatestRun({ workflow, now }: { workflow: string; now: Date }) {
  const { data } = useQuery(latestRunQuery(workflow))
  if (data === undefined) return <Skeleton className="h-5 w-24" />
  if (data === null) return <span className="text-muted-foreground">{text.flows.noRuns}</span>
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: data.id }}
      className="flex min-w-0 items-center gap-2 text-muted-foreground hover:text-foreground"
    >
      <span className="flex w-28 shrink-0">
        <StatusPill status={data.status} className="h-5" />
      </span>
      <span className="hidden sm:inline">
        <RelativeTime at={data.accepted_at} now={now} />
      </span>
    </Link>
  )
}
