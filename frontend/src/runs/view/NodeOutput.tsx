import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { nodeQuery } from '@/api/run'
import { JsonView } from '@/components/JsonView'
import { ProblemNote } from '@/components/ProblemNote'
import { StoredValue } from '@/components/StoredValue'
import type { DocumentNode } from '@/model/document'
import { readReference } from '@/model/reference'
import type { NodeView, RunView } from '@/model/run-fold'
import type { Told } from '@/model/run-tally'
import { hasEnded } from '@/model/status'
import { text } from '@/text'
import { Nothing } from './Section'
import { SendMessage } from './SendMessage'
import { shortId } from './shortId'

interface NodeOutputProps {
  run: RunView
  node: NodeView | undefined
  docNode: DocumentNode | undefined
  told: Told | undefined
  /** Of an execution that others followed. */
  isPast: boolean
}

/** What a node brought, or what it waits for. */
export function NodeOutput({ run: whole, node, docNode, told, isPast }: NodeOutputProps) {
  const run = whole.id
  if (!node || !hasEnded(node.status)) return <Unfinished run={run} node={node} docNode={docNode} />
  if (told?.held) return <Nothing>{text.run.heldBy(docNode?.when ?? '')}</Nothing>
  const { output, output_omitted, port } = node
  const reference = readReference(node.output_ref)
  return (
    <>
      {port && port !== 'success' ? <p>{text.run.endedOn(port)}</p> : null}
      {told?.reused && whole.retry_of ? <ReusedFrom run={whole.retry_of} /> : null}
      {reference ? (
        <StoredValue reference={reference} label={text.run.nodeTabs.output} />
      ) : output_omitted && !isPast ? (
        <WholeOutput run={run} node={node} />
      ) : output === null || output === undefined ? (
        <Nothing>{text.run.noOutput}</Nothing>
      ) : (
        <JsonView value={output} label={text.run.nodeTabs.output} />
      )}
    </>
  )
}

interface UnfinishedProps {
  run: string
  node: NodeView | undefined
  docNode: DocumentNode | undefined
}

/** What it waits for, if a person can give it that. */
function Unfinished({ run, node, docNode }: UnfinishedProps) {
  const message = docNode?.type === 'wait' ? docNode.config?.message : undefined
  if (node?.status !== 'waiting' || typeof message !== 'string') {
    return <Nothing>{text.run.noOutputYet}</Nothing>
  }
  return (
    <div className="flex items-center gap-3">
      <p className="min-w-0 flex-1 break-words">{text.run.message.waitsFor(message)}</p>
      <SendMessage run={run} name={message} />
    </div>
  )
}

function ReusedFrom({ run }: { run: string }) {
  return (
    <p className="text-muted-foreground">
      {text.run.reusedFrom}{' '}
      <Link to="/runs/$runId" params={{ runId: run }} className="text-foreground underline">
        {shortId(run)}
      </Link>
    </p>
  )
}

/** Of an output that was left out of the list because it is long. */
function WholeOutput({ run, node }: { run: string; node: NodeView }) {
  const whole = useQuery(nodeQuery(run, node.id, `${node.gen}.${node.attempt}.${node.status}`))
  if (whole.error) return <ProblemNote error={whole.error} onRetry={() => void whole.refetch()} />
  if (!whole.data) return <Nothing>{text.common.loading} …</Nothing>
  return <JsonView value={whole.data.output} label={text.run.nodeTabs.output} />
}
