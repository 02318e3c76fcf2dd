import { useInfiniteQuery } from '@tanstack/react-query'
import { nodeLogsQuery } from '@/api/run'
import { Button } from '@/components/Button'
import { classes } from '@/components/classes'
import { ProblemNote } from '@/components/ProblemNote'
import type { LiveNode } from '@/model/run-fold'
import { exactTime } from '@/model/time'
import { text } from '@/text'
import { Nothing } from './Section'

interface NodeLogsProps {
  run: string
  node: string
  live: LiveNode | undefined
  isOver: boolean
}

interface Line {
  key: string
  time: string
  level: string
  message: string
}

const FOLLOW_MS = 2_000

/** What is recorded of a node's logs; lines that only the socket told of so far come last. */
export function NodeLogs({ run, node, live, isOver }: NodeLogsProps) {
  const logs = useInfiniteQuery({
    ...nodeLogsQuery(run, node),
    refetchInterval: isOver ? false : FOLLOW_MS,
  })
  if (logs.error) return <ProblemNote error={logs.error} onRetry={() => void logs.refetch()} />
  const lines = linesOf(logs.data?.pages.flatMap(({ items }) => items) ?? [], live)
  if (lines.length === 0) {
    return <Nothing>{logs.isPending ? `${text.common.loading} …` : text.run.noLogs}</Nothing>
  }
  return (
    <>
      <ol className="font-mono text-xs leading-5">
        {lines.map((line) => (
          <li key={line.key} className="flex gap-2">
            <time
              dateTime={line.time}
              title={exactTime(new Date(line.time))}
              className="shrink-0 text-muted-foreground tabular-nums"
            >
              {new Date(line.time).toLocaleTimeString('en-GB', { hour12: false })}
            </time>
            <span
              className={classes(
                'w-12 shrink-0 text-muted-foreground',
                line.level === 'error' && 'text-state-failed',
                line.level === 'warning' && 'text-state-counter',
              )}
            >
              {line.level}
            </span>
            <span className="min-w-0 whitespace-pre-wrap [overflow-wrap:anywhere]">
              <bdi>{line.message}</bdi>
            </span>
          </li>
        ))}
      </ol>
      {logs.hasNextPage ? (
        <Button size="small" className="self-start" onClick={() => void logs.fetchNextPage()}>
          {text.common.loadMore}
        </Button>
      ) : null}
    </>
  )
}

function linesOf(
  recorded: readonly (Omit<Line, 'key'> & { id: number })[],
  live?: LiveNode,
): Line[] {
  const lines: Line[] = recorded.map((line) => ({ ...line, key: `recorded:${line.id}` }))
  const known = new Set(recorded.map(({ time, message }) => `${Date.parse(time)}:${message}`))
  for (const [index, line] of (live?.logs ?? []).entries()) {
    if (known.has(`${Date.parse(line.time)}:${line.message}`)) continue
    lines.push({ ...line, key: `live:${index}` })
  }
  return lines
}
