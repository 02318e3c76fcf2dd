import type { Turn } from '@/model/run-fold'
import { text } from '@/text'
import { Nothing, Section } from './Section'

/** What an agent says, turn by turn, while it says it. */
export function TurnList({ turns }: { turns: readonly Turn[] }) {
  if (turns.length === 0) return <Nothing>{text.run.noTurns}</Nothing>
  return turns.map((turn) => (
    <Section key={turn.turn} title={text.run.turn(turn.turn)}>
      <p className="whitespace-pre-wrap rounded-md border bg-surface px-3 py-2 [overflow-wrap:anywhere]">
        <bdi>{turn.text}</bdi>
      </p>
    </Section>
  ))
}
