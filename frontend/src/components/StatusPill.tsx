import { statusLook } from '@/model/status'
import { classes } from './classes'
import { StatusGlyph } from './StatusGlyph'

/** Icon and word of a state on a tint of its colour. */
export function StatusPill({ status, className }: { status: string; className?: string }) {
  const { colour, label, shape } = statusLook(status)
  return (
    <span
      className={classes(
        'inline-flex h-6 max-w-full items-center gap-1.5 rounded-full border px-2 text-xs font-medium',
        shape === 'dashed' && 'border-dashed',
        className,
      )}
      style={{
        color: colour,
        borderColor: `color-mix(in srgb, ${colour} 35%, transparent)`,
        background:
          shape === 'striped'
            ? `repeating-linear-gradient(135deg, color-mix(in srgb, ${colour} 12%, transparent) 0 4px, transparent 4px 8px)`
            : shape === 'solid'
              ? `color-mix(in srgb, ${colour} 8%, transparent)`
              : 'transparent',
      }}
    >
      <StatusGlyph status={status} />
      <span className="truncate">{label}</span>
    </span>
  )
}
