import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { runApprovalsQuery, runDocumentQuery, runPatchesQuery } from '@/api/run'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import { Tabs } from '@/components/Tabs'
import { RunGraph } from '@/graph/RunGraph'
import { type Loop, loopsOf } from '@/model/loops'
import { type RunView, runHasEnded } from '@/model/run-fold'
import { patchMarks } from '@/model/run-overlay'
import { standing } from '@/model/run-rounds'
import { text } from '@/text'
import { useRunFeed } from '../feed/useRunFeed'
import { BlockerList } from './BlockerList'
import { EventList } from './EventList'
import { LinkStrip } from './LinkStrip'
import { NodeInspector } from './NodeInspector'
import { type RetryRequest, RetryRun } from './RetryRun'
import { mayRetry, RunActions } from './RunActions'
import { RunBanner } from './RunBanner'
import { RunHeading } from './RunHeading'
import { RunInspector } from './RunInspector'
import { Split } from './Split'
import { useRunKeys } from './useRunKeys'

type View = 'graph' | 'events'
const NO_LOOPS: readonly Loop[] = []

/** A run as it happens. `first` is how it was when the page opened. */
export function RunScreen({ first }: { first: RunView }) {
  const { state, link, heardAt } = useRunFeed(first)
  const [view, setView] = useState<View>('graph')
  const [selected, setSelected] = useState<string | null>(null)
  const [retry, setRetry] = useState<RetryRequest | null>(null)
  const { run } = state
  const isOpen = !runHasEnded(state)
  const document = useQuery(runDocumentQuery(run.id, state.digest))
  const patches = useQuery(runPatchesQuery(run.id, state.patchChanges))
  const asked = useQuery(runApprovalsQuery(run.id, state.approvalChanges, isOpen))
  const marks = useMemo(() => patchMarks(patches.data?.items ?? []), [patches.data])
  const loops = useMemo(() => (document.data ? loopsOf(document.data) : NO_LOOPS), [document.data])
  const nodes = useMemo(() => standing(state, loops), [state, loops])
  useRunKeys({ document: document.data, nodes, selected, select: setSelected })

  const docNode = document.data?.nodes.find(({ id }) => id === selected)
  const graph = document.data ? (
    <RunGraph
      document={document.data}
      nodes={nodes}
      marks={marks}
      tally={state.tally}
      loops={loops}
      selected={selected}
      onSelect={setSelected}
    />
  ) : document.error ? (
    <ProblemNote className="m-4" error={document.error} onRetry={() => void document.refetch()} />
  ) : (
    <Skeleton className="m-6 h-14 w-52" />
  )
  return (
    <Page
      title={text.run.title(run.workflow)}
      heading={<RunHeading run={run} asks={isOpen && (asked.data?.items.length ?? 0) > 0} />}
      actions={<RunActions run={run} onRetry={() => setRetry({ from: null })} />}
    >
      <div className="flex h-full flex-col">
        <LinkStrip link={link} heardAt={heardAt} />
        <RunBanner
          state={state}
          nodes={nodes}
          document={document.data}
          approvals={isOpen ? (asked.data?.items ?? []) : []}
          onShowNode={setSelected}
        />
        <Split
          left={
            <Tabs<View>
              label={text.run.views}
              value={view}
              onChange={setView}
              items={[
                { name: 'graph', label: text.run.tabs.graph, content: graph },
                {
                  name: 'events',
                  label: text.run.tabs.events,
                  count: state.seq,
                  content: <EventList events={state.events} onSelect={setSelected} />,
                },
              ]}
            />
          }
          right={
            selected === null ? (
              <RunInspector
                state={state}
                patches={patches.data?.items ?? []}
                blockers={
                  isOpen ? (
                    <BlockerList run={run.id} seq={state.seq} onShowNode={setSelected} />
                  ) : null
                }
              />
            ) : (
              <NodeInspector
                key={selected}
                run={run}
                id={selected}
                node={nodes[selected]}
                docNode={docNode}
                live={state.live[selected]}
                events={state.events}
                tally={state.tally}
                loops={loops}
                mark={marks.get(selected)}
                onClose={() => setSelected(null)}
                onRetry={mayRetry(run) ? () => setRetry({ from: selected }) : null}
              />
            )
          }
        />
      </div>
      <RetryRun run={run} document={document.data} request={retry} onClose={() => setRetry(null)} />
    </Page>
  )
}
