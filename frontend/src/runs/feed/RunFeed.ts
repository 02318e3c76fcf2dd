// Keeps a run level with the server: a socket that comes back where it stopped, and a long poll
// while no socket can be had.
import type { EventView, LiveView, RunAction } from '@/model/run-fold'
import { isFinal, pauseMs } from './backoff'
import { readFrame } from './frames'

export type Link = 'connecting' | 'live' | 'polling' | 'lost' | 'over'

export interface EventPage {
  items: EventView[]
  after: number
  ended: boolean
}

/** What the feed needs of the world; tests give their own. */
export interface FeedPorts {
  /** Address of a socket with a fresh ticket in it, without `after`. */
  address: (signal: AbortSignal) => Promise<string>
  open: (address: string) => WebSocket
  events: (after: number, signal: AbortSignal) => Promise<EventPage>
  live: (after: string, signal: AbortSignal) => Promise<{ items: LiveView[]; after: string }>
  pause: (ms: number, signal: AbortSignal) => Promise<void>
  random: () => number
}

export interface FeedSink {
  fold: (actions: RunAction[]) => void
  link: (link: Link) => void
  /** Something came from the server: what is shown is fresh. */
  heard: () => void
  /** The last event that is shown. */
  seq: () => number
}

const ABNORMAL = 1006
/** Sockets that failed in a row before the long poll takes over. */
const PATIENCE = 2
/** Between tries of a socket while the long poll works. */
const SOCKET_AGAIN_MS = 30_000
/** Two missed pings mean that the connection is lost. */
const SILENCE_MS = 32_000
/** Frames of so long are folded at once. Timers, unlike animation frames, run in hidden tabs. */
const BATCH_MS = 25

export class RunFeed {
  private failures = 0

  constructor(
    private readonly ports: FeedPorts,
    private readonly sink: FeedSink,
  ) {}

  /** Follow the run until it ended or `signal` says stop. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    this.sink.link('connecting')
    while (!signal.aborted) {
      const code = await this.connect(signal)
      if (signal.aborted) return
      if (isFinal(code)) return this.sink.link('over')
      if (this.failures >= PATIENCE) {
        if ((await this.poll(signal)) === 'ended') return this.sink.link('over')
      } else {
        this.sink.link('lost')
        await this.rest(code, signal)
      }
    }
  }

  private async rest(code: number, signal: AbortSignal): Promise<void> {
    await this.ports.pause(pauseMs(code, this.failures, this.ports.random()), signal)
  }

  /** The close code of a socket, once it is closed. */
  private async connect(signal: AbortSignal): Promise<number> {
    let address: string
    try {
      address = await this.ports.address(signal)
    } catch {
      // Told by the strip: the server is away, as after a socket that does not open.
      this.failures += 1
      return ABNORMAL
    }
    return this.listen(this.ports.open(`${address}&after=${this.sink.seq()}`), signal)
  }

  private listen(socket: WebSocket, signal: AbortSignal): Promise<number> {
    return new Promise((resolve) => {
      const batch = new Batch((actions) => this.sink.fold(actions))
      let heardSomething = false
      let silence = setTimeout(() => end(ABNORMAL), SILENCE_MS)
      const end = (code: number): void => {
        clearTimeout(silence)
        signal.removeEventListener('abort', stop)
        socket.onclose = socket.onmessage = socket.onopen = null
        batch.flush()
        if (!heardSomething) this.failures += 1
        socket.close()
        resolve(code)
      }
      const stop = (): void => end(ABNORMAL)
      const heard = (): void => {
        clearTimeout(silence)
        silence = setTimeout(() => end(ABNORMAL), SILENCE_MS)
        this.sink.heard()
      }
      socket.onopen = () => {
        heard()
        this.sink.link('live')
      }
      socket.onmessage = ({ data }) => {
        heard()
        heardSomething = true
        this.failures = 0
        const frame = readFrame(String(data))
        if (frame.kind === 'action') batch.add(frame.action)
      }
      socket.onclose = ({ code }) => end(code)
      signal.addEventListener('abort', stop)
    })
  }

  /** Long poll until it is time to try a socket again. */
  private async poll(signal: AbortSignal): Promise<'ended' | 'again'> {
    const until = Date.now() + SOCKET_AGAIN_MS
    let told = ''
    while (!signal.aborted && Date.now() < until) {
      try {
        const live = await this.ports.live(told, signal)
        told = live.after
        this.sink.fold(live.items.map((each) => ({ kind: 'live', live: each })))
        const page = await this.ports.events(this.sink.seq(), signal)
        this.sink.heard()
        this.sink.link('polling')
        this.sink.fold(page.items.map((event) => ({ kind: 'event', event })))
        if (page.ended && page.items.length === 0) return 'ended'
      } catch {
        // The server is away: the strip says so, and the pause grows.
        if (signal.aborted) return 'again'
        this.sink.link('lost')
        this.failures += 1
        await this.rest(ABNORMAL, signal)
      }
    }
    return 'again'
  }
}

class Batch {
  private actions: RunAction[] = []
  private timer: ReturnType<typeof setTimeout> | null = null

  constructor(private readonly fold: (actions: RunAction[]) => void) {}

  add(action: RunAction): void {
    this.actions.push(action)
    this.timer ??= setTimeout(() => this.flush(), BATCH_MS)
  }

  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    const { actions } = this
    this.actions = []
    if (actions.length > 0) this.fold(actions)
  }
}
