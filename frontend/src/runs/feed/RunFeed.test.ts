import { describe, expect, it, vi } from 'vitest'
import type { RunAction } from '@/model/run-fold'
import { isFinal, pauseMs } from './backoff'
import { type FeedPorts, type FeedSink, type Link, RunFeed } from './RunFeed'

class FakeSocket {
  onopen: (() => void) | null = null
  onmessage: ((message: { data: string }) => void) | null = null
  onclose: ((close: { code: number }) => void) | null = null
  close = vi.fn()

  constructor(readonly address: string) {}

  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

function setUp(changes: Partial<FeedPorts> = {}) {
  const sockets: FakeSocket[] = []
  const links: Link[] = []
  const folded: RunAction[] = []
  const stop = new AbortController()
  let seq = 4
  const ports: FeedPorts = {
    address: async () => 'ws://here/ws/runs/r?ticket=t',
    open: (address) => {
      const socket = new FakeSocket(address)
      sockets.push(socket)
      return socket as unknown as WebSocket
    },
    events: async () => ({ items: [], after: seq, ended: true }),
    live: async () => ({ items: [], after: '' }),
    pause: async () => {},
    random: () => 0,
    ...changes,
  }
  const sink: FeedSink = {
    fold: (actions) => {
      folded.push(...actions)
      for (const action of actions) if (action.kind === 'event') seq = action.event.id
    },
    link: (link) => links.push(link),
    heard: () => {},
    seq: () => seq,
  }
  const done = new RunFeed(ports, sink).run(stop.signal)
  const socket = (at: number) => vi.waitUntil(() => sockets[at])
  return { sockets, socket, links, folded, stop, done }
}

const frame = (id: number) => ({
  kind: 'event',
  event: { id, run: 'r', type: 'run.waiting', time: '2026-03-01T09:30:00Z' },
})

describe('RunFeed', () => {
  it('comes back after the last event that it has', async () => {
    const feed = setUp()
    const first = await feed.socket(0)
    expect(first.address).toBe('ws://here/ws/runs/r?ticket=t&after=4')
    first.onopen?.()
    first.say(frame(5))
    first.say(frame(6))
    first.onclose?.({ code: 1006 })
    const second = await feed.socket(1)
    expect(second.address).toContain('&after=6')
    expect(feed.folded).toHaveLength(2)
    expect(feed.links).toEqual(['connecting', 'live', 'lost'])
    feed.stop.abort()
    await feed.done
    expect(second.close).toHaveBeenCalled()
  })

  it('does not come back for a run that is not there', async () => {
    const feed = setUp()
    const first = await feed.socket(0)
    first.onclose?.({ code: 4404 })
    await feed.done
    expect(feed.links.at(-1)).toBe('over')
    expect(feed.sockets).toHaveLength(1)
  })

  it('polls when no socket can be had, until the run ended', async () => {
    const waiting = { ...frame(5).event }
    const pages = [
      { items: [waiting], after: 5, ended: false },
      { items: [], after: 5, ended: true },
    ]
    const feed = setUp({
      address: async () => {
        throw new Error('no fanout')
      },
      events: async () => pages.shift() ?? { items: [], after: 5, ended: true },
    })
    await feed.done
    expect(feed.folded).toEqual([{ kind: 'event', event: waiting }])
    expect(feed.links).toContain('polling')
    expect(feed.links.at(-1)).toBe('over')
  })
})

describe('pauses', () => {
  it('grow with every failure up to a limit, and are never the same for all', () => {
    expect(pauseMs(1006, 0, 0)).toBe(250)
    expect(pauseMs(1006, 3, 0)).toBeLessThan(pauseMs(1006, 3, 0.9))
    expect(pauseMs(1006, 30, 0.999)).toBeLessThanOrEqual(15_000)
  })

  it('are none after a stop of the server, unless it stays away', () => {
    expect(pauseMs(1001, 0, 0.5)).toBe(0)
    expect(pauseMs(1001, 2, 0.5)).toBeGreaterThan(0)
    expect([1001, 4401, 4408, 4400, 4404].filter(isFinal)).toEqual([4400, 4404])
  })
})
