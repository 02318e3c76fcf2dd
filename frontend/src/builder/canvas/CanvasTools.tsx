import { Panel, useReactFlow } from '@xyflow/react'
import { type LucideIcon, Map as MapIcon, Maximize, Minus, Plus, Wand } from 'lucide-react'
import { Button } from '@/components/Button'
import { Tooltip } from '@/components/Tooltip'
import { text } from '../text'
import { useFit } from './useFit'

interface CanvasToolsProps {
  onTidy: () => void
  hasMap: boolean
  onMap: () => void
}

/** Zoom, fit, overview and tidy at the lower left. */
export function CanvasTools({ onTidy, hasMap, onMap }: CanvasToolsProps) {
  const { zoomIn, zoomOut } = useReactFlow()
  const showAll = useFit()
  return (
    <Panel position="bottom-left" className="!m-3 flex rounded-md border bg-card p-0.5 shadow-xs">
      <Tool label={text.actions.zoomOut} icon={Minus} onClick={() => void zoomOut()} />
      <Tool label={text.actions.zoomIn} icon={Plus} onClick={() => void zoomIn()} />
      <Tool label={`${text.actions.fit} (1)`} icon={Maximize} onClick={() => showAll(200)} />
      <Tool label={text.actions.map} icon={MapIcon} onClick={onMap} pressed={hasMap} />
      <Tool label={`${text.actions.tidy} (Ctrl+O)`} icon={Wand} onClick={onTidy} />
    </Panel>
  )
}

interface ToolProps {
  label: string
  icon: LucideIcon
  onClick: () => void
  pressed?: boolean
}

function Tool({ label, icon: Icon, onClick, pressed }: ToolProps) {
  return (
    <Tooltip label={label} side="top">
      <Button
        look="ghost"
        size="icon"
        className="size-7 aria-pressed:bg-accent"
        aria-label={label}
        {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
        onClick={onClick}
      >
        <Icon />
      </Button>
    </Tooltip>
  )
}
