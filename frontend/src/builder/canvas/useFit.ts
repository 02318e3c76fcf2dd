import { useReactFlow } from '@xyflow/react'
import { useCallback } from 'react'
import { placeOf } from '@/model/document'
import { NODE_HEIGHT, NODE_WIDTH } from '@/model/layout'
import { viewOf } from '@/model/view'
import { documentOf, useBuilder } from '@/store/builder'

const MARGIN = 0.04
/** Cards with several ports are higher than the plainest one. */
const TALLEST = NODE_HEIGHT * 2

/** Bring the whole flow into view. It reads the document, so it need not wait for the drawing. */
export function useFit(): (duration?: number) => void {
  const { setViewport } = useReactFlow()
  return useCallback(
    (duration = 0) => {
      const canvas = window.document.getElementById('flow-canvas')
      const places = documentOf(useBuilder.getState()).nodes.flatMap((node) => placeOf(node) ?? [])
      if (!canvas || places.length === 0) return
      const x = Math.min(...places.map((place) => place.x))
      const y = Math.min(...places.map((place) => place.y))
      const width = Math.max(...places.map((place) => place.x)) + NODE_WIDTH - x
      const height = Math.max(...places.map((place) => place.y)) + TALLEST - y
      const pane = { width: canvas.clientWidth, height: canvas.clientHeight }
      const [side, end] = [pane.width * MARGIN, pane.height * MARGIN]
      const view = viewOf({ x, y, width, height }, pane, { side, top: end, bottom: end })
      void setViewport(view, { duration })
    },
    [setViewport],
  )
}
