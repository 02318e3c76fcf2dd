import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from 'react'
import { text } from '@/text'

const STORED = 'minuet.runSplit'
const USUAL = 58
const LEAST = 30
const MOST = 80
const STEP = 2

function stored(): number {
  const width = Number(localStorage.getItem(STORED) ?? USUAL)
  return clamp(Number.isFinite(width) ? width : USUAL)
}

const clamp = (percent: number): number => Math.min(MOST, Math.max(LEAST, percent))

/** Two panes with a divider that is dragged or moved by arrows; the width is remembered. On narrow
 * screens they stand one below the other. */
export function Split({ left, right }: { left: ReactNode; right: ReactNode }) {
  const [width, setWidth] = useState(stored)
  const frame = useRef<HTMLDivElement>(null)
  const change = (percent: number): void => {
    const next = clamp(percent)
    setWidth(next)
    localStorage.setItem(STORED, String(next))
  }
  const onDrag = (event: PointerEvent): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const box = frame.current?.getBoundingClientRect()
    if (box) change(((event.clientX - box.left) / box.width) * 100)
  }
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowLeft') change(width - STEP)
    if (event.key === 'ArrowRight') change(width + STEP)
  }
  return (
    <div ref={frame} className="flex min-h-0 flex-1 flex-col md:flex-row">
      <div
        className="flex min-h-0 min-w-0 flex-1 md:flex-[0_0_var(--split)]"
        style={{ '--split': `${width}%` } as React.CSSProperties}
      >
        {left}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a rule cannot be moved */}
      <div
        role="separator"
        aria-label={text.run.divider}
        aria-orientation="vertical"
        aria-valuenow={Math.round(width)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        onKeyDown={onKey}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={onDrag}
        className="hidden w-1 shrink-0 cursor-col-resize border-l hover:bg-accent md:block"
      />
      <aside
        aria-label={text.run.panel}
        className="flex min-h-0 min-w-0 flex-1 border-t md:border-t-0"
      >
        {right}
      </aside>
    </div>
  )
}
