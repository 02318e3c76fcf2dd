import { FileText, type LucideIcon, Play, Plus } from 'lucide-react'
import { text } from './text'

interface EmptyCardsProps {
  onExample: () => void
  onYaml: () => void
  onFirst: () => void
}

/** Three ways to begin, on a canvas with nothing on it. */
export function EmptyCards({ onExample, onYaml, onFirst }: EmptyCardsProps) {
  const { cards } = text.empty
  return (
    <div className="@container pointer-events-none absolute inset-0 z-10 flex flex-col items-center justify-center gap-4 p-6">
      <h2 className="text-sm font-semibold">{text.empty.title}</h2>
      <div className="pointer-events-auto grid gap-3 @xl:grid-cols-3">
        <Card icon={Play} {...cards.example} onClick={onExample} />
        <Card icon={FileText} {...cards.yaml} onClick={onYaml} />
        <Card icon={Plus} {...cards.first} onClick={onFirst} />
      </div>
    </div>
  )
}

interface CardProps {
  icon: LucideIcon
  title: string
  detail: string
  onClick: () => void
}

function Card({ icon: Icon, title, detail, onClick }: CardProps) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="flex w-full max-w-56 flex-col gap-1.5 rounded-lg border bg-card p-4 text-left shadow-xs hover:border-input hover:bg-accent"
    >
      <Icon aria-hidden className="size-4 text-muted-foreground" />
      <span className="font-medium">{title}</span>
      <span className="text-muted-foreground text-xs">{detail}</span>
    </button>
  )
}
