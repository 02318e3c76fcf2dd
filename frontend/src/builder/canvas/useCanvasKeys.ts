import { useReactFlow } from '@xyflow/react'
import type { KeyboardEvent } from 'react'
import { isWriting } from '@/app/useGlobalKeys'
import { findNode, placeOf } from '@/model/document'
import { documentOf, useBuilder } from '@/store/builder'
import type { AddRequest } from '../useAddStep'
import { useFit } from './useFit'
import { type Direction, walk } from './walk'

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
}
const NUDGE = 20
const STEPS: Readonly<Record<Direction, [number, number]>> = {
  left: [-NUDGE, 0],
  right: [NUDGE, 0],
  up: [0, -NUDGE],
  down: [0, NUDGE],
}

/** The keys of the canvas, for when it or something on it has the focus. */
export function useCanvasKeys(onAdd: (request: AddRequest) => void) {
  const { setCenter, getZoom } = useReactFlow()
  const showAll = useFit()

  const show = (id: string): void => {
    const place = placeOf(findNode(documentOf(useBuilder.getState()), id) ?? { id, type: '' })
    if (!place) return
    void setCenter(place.x + 120, place.y + 32, { zoom: getZoom(), duration: 150 })
  }
  const arrow = (event: KeyboardEvent, direction: Direction): void => {
    const state = useBuilder.getState()
    const document = documentOf(state)
    const chosen = state.selection.nodes
    if (event.altKey) {
      const [x, y] = STEPS[direction]
      const moves = chosen.map((id) => {
        const place = placeOf(findNode(document, id) ?? { id, type: '' }) ?? { x: 0, y: 0 }
        return [id, { x: place.x + x, y: place.y + y }] as const
      })
      state.edit({ kind: 'move', places: new Map(moves) })
      return
    }
    const next = walk(document, chosen.at(-1), direction)
    if (next === undefined) return
    state.select({ nodes: event.shiftKey ? [...new Set([...chosen, next])] : [next] })
    show(next)
  }
  const plain = (key: string): boolean => {
    const state = useBuilder.getState()
    const { nodes, edge } = state.selection
    switch (key) {
      case 'Delete':
      case 'Backspace':
        state.edit({ kind: 'remove', nodes: [...nodes], edges: edge === null ? [] : [edge] })
        return true
      case 'Enter':
      case 'F2':
        document.getElementById(key === 'F2' ? 'step-title' : 'flow-panel')?.focus()
        return true
      case 'Escape':
        state.select({})
        return true
      case '1':
        showAll(200)
        return true
      default:
        return false
    }
  }

  return (event: KeyboardEvent<HTMLElement>): void => {
    if (isWriting(event.target)) return
    const direction = ARROWS[event.key]
    const isCommand = event.ctrlKey || event.metaKey
    if (direction && !isCommand) arrow(event, direction)
    else if (event.key === 'Tab' && !event.shiftKey && event.target === event.currentTarget) {
      onAdd({})
    } else if (isCommand && event.key.toLowerCase() === 'd') {
      const { selection, edit } = useBuilder.getState()
      edit({ kind: 'duplicate', nodes: [...selection.nodes], offset: { x: 40, y: 100 } })
    } else if (isCommand && event.key.toLowerCase() === 'a') {
      const { select, history } = useBuilder.getState()
      select({ nodes: history.present.nodes.map(({ id }) => id) })
    } else if (isCommand || event.altKey || !plain(event.key)) return
    event.preventDefault()
  }
}
