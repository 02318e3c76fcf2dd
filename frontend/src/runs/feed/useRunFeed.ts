import { useEffect, useReducer, useRef, useState } from 'react'
import { runEvents, runLive, runNodes, runSocketAddress } from '@/api/run'
import {
  foldAll,
  openRun,
  type RunAction,
  type RunState,
  type RunView,
  runHasEnded,
} from '@/model/run-fold'
import { type FeedPorts, type Link, RunFeed } from './RunFeed'

export interface Watched {
  state: RunState
  link: Link
  /** When the server was last heard of. */
  heardAt: Date
}

/** `first` is the run as it was opened; a hook of another run needs a `key` on its component. */
export function useRunFeed(first: RunView): Watched {
  const [state, dispatch] = useReducer(foldAll, first, openRun)
  const [link, setLink] = useState<Link>('connecting')
  const [heardAt, setHeardAt] = useState(() => new Date())
  const folded = useRef(state)

  useEffect(() => {
    const stop = new AbortController()
    const following = new AbortController()
    stop.signal.addEventListener('abort', () => following.abort())
    // Folded here as well, so that a connection made before React rendered asks for no more than
    // it lacks.
    folded.current = openRun(first)
    const fold = (actions: RunAction[]): void => {
      if (stop.signal.aborted) return
      folded.current = foldAll(folded.current, actions)
      dispatch(actions)
      if (runHasEnded(folded.current)) {
        following.abort()
        setLink('over')
      }
    }
    const feed = new RunFeed(portsOf(first.id), {
      fold,
      link: (next) => following.signal.aborted || setLink(next),
      heard: () => setHeardAt(new Date()),
      seq: () => folded.current.seq,
    })
    if (runHasEnded(folded.current)) setLink('over')
    else void feed.run(following.signal)
    loadRest(first, fold, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) reportError(error)
    })
    return () => stop.abort()
  }, [first])

  return { state, link, heardAt }
}

/** What the snapshot leaves out: earlier events, and the nodes beyond the first page. */
async function loadRest(
  run: RunView,
  fold: (actions: RunAction[]) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let cursor = run.nodes_next_cursor; cursor; ) {
    const page = await runNodes(run.id, cursor, signal)
    fold([{ kind: 'nodes', nodes: page.items, seq: page.seq }])
    cursor = page.next_cursor ?? null
  }
  for (let after = 0; after < run.seq; ) {
    const page = await runEvents(run.id, after, false, signal)
    if (page.items.length === 0) return
    fold([{ kind: 'history', events: page.items }])
    after = page.after
  }
}

function portsOf(id: string): FeedPorts {
  return {
    address: (signal) => runSocketAddress(id, signal),
    open: (address) => new WebSocket(address),
    events: (after, signal) => runEvents(id, after, true, signal),
    live: (after, signal) => runLive(id, after, signal),
    pause,
    random: Math.random,
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
