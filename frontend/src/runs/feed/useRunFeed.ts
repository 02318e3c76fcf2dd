import { useEffect, useReducer, useRef, useState } from 'react'
import { asProblem } from '@/api/client'
import { runEvents, runLive, runNodes, runSocketAddress } from '@/api/run'
import {
  foldAll,
  openRun,
  type RunAction,
  type RunState,
  type RunView,
  runHasEnded,
} from '@/model/run-fold'
import { loadRest, type RestPorts } from './loadRest'
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
    let loading = new AbortController()
    stop.signal.addEventListener('abort', () => {
      following.abort()
      loading.abort()
    })
    // Folded here as well, so that a connection made before React rendered asks for no more than
    // it lacks.
    folded.current = openRun(first)
    const fold = (actions: RunAction[]): void => {
      if (stop.signal.aborted) return
      folded.current = foldAll(folded.current, actions)
      dispatch(actions)
      if (actions.some(({ kind }) => kind === 'snapshot')) complete()
      if (runHasEnded(folded.current)) {
        following.abort()
        setLink('over')
      }
    }
    /** Bring what the snapshot leaves out; what an earlier one left out is not wanted any more. */
    const complete = (): void => {
      loading.abort()
      loading = new AbortController()
      void loadRest(() => folded.current, fold, restPorts(first.id), loading.signal)
    }
    const feed = new RunFeed(portsOf(first.id), {
      fold,
      link: (next) => following.signal.aborted || setLink(next),
      heard: () => setHeardAt(new Date()),
      seq: () => folded.current.seq,
    })
    if (runHasEnded(folded.current)) setLink('over')
    else void feed.run(following.signal)
    complete()
    return () => stop.abort()
  }, [first])

  return { state, link, heardAt }
}

function restPorts(id: string): RestPorts {
  return {
    nodes: (cursor, signal) => runNodes(id, cursor, signal),
    events: (after, signal) => runEvents(id, after, false, signal),
    isPassing: (error) => asProblem(error).isPassing,
    report: reportError,
    pause,
    now: () => performance.now(),
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
