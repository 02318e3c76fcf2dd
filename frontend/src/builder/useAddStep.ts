import { useReactFlow } from '@xyflow/react'
import { useCallback } from 'react'
import { findNode, type JsonObject, type Place, placeOf } from '@/model/document'
import { newNode, type Origin } from '@/model/edits'
import { NODE_HEIGHT, NODE_WIDTH } from '@/model/layout'
import { portsOf } from '@/model/ports'
import { documentOf, useBuilder } from '@/store/builder'
import type { Kinds } from './kinds'

/** Where a new step goes and what it follows; without either, after what is selected. */
export interface AddRequest {
  place?: Place
  after?: Origin
}

const GAP = { x: 100, y: 100 }

/** What a new step of a type begins with, so that its form has something to show. */
const STARTS: Readonly<Record<string, JsonObject>> = {
  http: { method: 'GET', url: 'https://' },
  branch: { cases: [{ when: '', port: 'yes' }], default: 'no' },
  hitl: { message: '' },
  transform: { value: '' },
  wait: { for: '1m' },
  agent: { prompt: '' },
  map: { items: '', run: { workflow: '' } },
  workflow: { name: '' },
}

export function originOf(kinds: Kinds): Origin | undefined {
  const state = useBuilder.getState()
  const [id, ...others] = state.selection.nodes
  const document = documentOf(state)
  const node = id === undefined || others.length > 0 ? undefined : findNode(document, id)
  if (!node) return undefined
  const taken = new Set(document.edges.filter(({ from }) => from === node.id).map(({ on }) => on))
  const { main } = portsOf(node, kinds.get(node.type), [])
  const [port] = main.length > 1 ? main.filter((each) => !taken.has(each)) : main
  return { from: node.id, on: port ?? main[0] ?? 'success' }
}

/** A spot right of the origin that nobody stands on. */
function freePlace(origin: Origin | undefined): Place {
  const document = documentOf(useBuilder.getState())
  const places = document.nodes.map((node) => placeOf(node) ?? { x: 0, y: 0 })
  const source = origin && findNode(document, origin.from)
  const from = source ? placeOf(source) : null
  const right = Math.max(...places.map(({ x }) => x), -NODE_WIDTH - GAP.x)
  const spot = from
    ? { x: from.x + NODE_WIDTH + GAP.x, y: from.y }
    : { x: right + NODE_WIDTH + GAP.x, y: places.at(-1)?.y ?? 0 }
  const isTaken = (): boolean =>
    places.some(({ x, y }) => Math.abs(x - spot.x) < NODE_WIDTH && Math.abs(y - spot.y) < GAP.y)
  while (isTaken()) spot.y += GAP.y
  return spot
}

/** Adds a step; one that no pointer placed is brought into view. */
export function useAddStep(kinds: Kinds) {
  const { setCenter, getZoom } = useReactFlow()
  return useCallback(
    (type: string, request: AddRequest) => {
      const state = useBuilder.getState()
      const after = request.after ?? (request.place ? undefined : originOf(kinds))
      const place = request.place ?? freePlace(after)
      const node = newNode(documentOf(state), type, place, STARTS[type] ?? {})
      state.edit({ kind: 'add_node', node, ...(after ? { after } : {}) })
      if (request.place || documentOf(state).nodes.length === 0) return
      void setCenter(place.x, place.y + NODE_HEIGHT / 2, { zoom: getZoom(), duration: 150 })
    },
    [kinds, setCenter, getZoom],
  )
}
