import {
  Ban,
  Check,
  Circle,
  CircleDot,
  CircleHelp,
  CirclePause,
  Clock,
  Hand,
  type LucideIcon,
  OctagonX,
  RotateCw,
  SkipForward,
  Undo2,
  X,
} from 'lucide-react'
import { type StatusIcon, statusLook } from '@/model/status'
import { classes } from './classes'

const ICONS: Readonly<Record<StatusIcon, LucideIcon>> = {
  ring: Circle,
  dot: CircleDot,
  retry: RotateCw,
  clock: Clock,
  hand: Hand,
  pause: CirclePause,
  stop: OctagonX,
  undo: Undo2,
  check: Check,
  cross: X,
  skip: SkipForward,
  bar: Ban,
  question: CircleHelp,
}

/** The icon of a state in its colour. Purely visual: say the state beside it, or in a label. */
export function StatusGlyph({ status, className }: { status: string; className?: string }) {
  const { colour, icon, pulses } = statusLook(status)
  const Icon = ICONS[icon]
  return (
    <Icon
      aria-hidden
      strokeWidth={2.25}
      className={classes('size-3.5 shrink-0', pulses && 'animate-state-pulse', className)}
      style={{ color: colour }}
    />
  )
}
