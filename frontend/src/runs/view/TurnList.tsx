import { useQuery } from '@tanstack/react-query'
import { nodeTurnsQuery } from '@/api/run'
import { ProblemNote } from '@/components/ProblemNote'
import type { LiveNode, NodeView } from '@/model/run-fold'
import { hasEnded } from '@/model/status'
import { joinTurns, type Turn } from '@/model/turns'
import { text } from '@/text'
import { Nothing, Section } from './Section'
import { ToolCallCard } from './ToolCallCard'

interface TurnListProps {
  run: string
  id: string
  node: NodeView | undefined
  live: LiveNode | undefined
}

const FOLLOW_MS = 2_000
/** Turns are recorded a moment after the end of their node. */
const SETTLED_MS = 10_000

/** What an agent says and calls, turn by turn, while it does: what is recorded, and what the socket
 * told since. */
export function TurnList({ run, id, node, live }: TurnListProps) {
  const version = `${node?.gen}.${node?.attempt}.${node?.status}`
  const turns = useQuery({
    ...nodeTurnsQuery(run, id, version),
    refetchInterval: () => (isSettled(node) ? false : FOLLOW_MS),
  })
  const shown = joinTurns(turns.data ?? [], live?.turns ?? [], live?.gen ?? 0)
  if (turns.error && shown.length === 0) {
    return <ProblemNote error={turns.error} onRetry={() => void turns.refetch()} />
  }
  if (shown.length === 0) {
    return <Nothing>{turns.isPending ? `${text.common.loading} …` : text.run.noTurns}</Nothing>
  }
  const isAtWork = !node || !hasEnded(node.status)
  return shown.map((turn) => <TurnPart key={turn.turn} turn={turn} isAtWork={isAtWork} />)
}

function isSettled(node: NodeView | undefined): boolean {
  if (!node || !hasEnded(node.status)) return false
  return !node.ended_at || Date.now() - Date.parse(node.ended_at) > SETTLED_MS
}

function TurnPart({ turn, isAtWork }: { turn: Turn; isAtWork: boolean }) {
  return (
    <Section title={text.run.turn(turn.turn)}>
      {turn.text ? (
        <p className="whitespace-pre-wrap rounded-md border bg-surface px-3 py-2 [overflow-wrap:anywhere]">
          <bdi>{turn.text}</bdi>
        </p>
      ) : null}
      {turn.calls.map((call, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: calls are never moved
        <ToolCallCard key={index} call={call} isAtWork={isAtWork} />
      ))}
      {isAtWork && !turn.finished ? <Nothing>{text.run.turnGoesOn}</Nothing> : null}
    </Section>
  )
}
