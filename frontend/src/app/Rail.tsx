import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Inbox, type LucideIcon, Play, Settings, Workflow } from 'lucide-react'
import { inboxCountQuery } from '@/api/approvals'
import { Tooltip } from '@/components/Tooltip'
import { text } from '@/text'
import icon from './icon.svg'

interface RailItem {
  to: '/flows' | '/runs' | '/inbox' | '/settings'
  label: string
  icon: LucideIcon
}

const UPPER: readonly RailItem[] = [
  { to: '/flows', label: text.rail.flows, icon: Workflow },
  { to: '/runs', label: text.rail.runs, icon: Play },
  { to: '/inbox', label: text.rail.inbox, icon: Inbox },
]
const LOWER: readonly RailItem[] = [{ to: '/settings', label: text.rail.settings, icon: Settings }]

/** The way to every part, 48 px wide. */
export function Rail() {
  const { data } = useQuery(inboxCountQuery)
  const waiting = data?.more ? '99+' : data?.count ? String(Math.min(data.count, 99)) : ''
  return (
    <nav
      aria-label={text.rail.label}
      className="flex w-12 shrink-0 flex-col items-center gap-1 border-r bg-surface py-2"
    >
      <Link to="/flows" className="mb-2 rounded-md" aria-label={text.product}>
        <img src={icon} alt="" className="size-7" />
      </Link>
      {UPPER.map((item) => (
        <RailLink key={item.to} item={item} badge={item.to === '/inbox' ? waiting : ''} />
      ))}
      <div className="flex-1" />
      {LOWER.map((item) => (
        <RailLink key={item.to} item={item} badge="" />
      ))}
    </nav>
  )
}

function RailLink({ item, badge }: { item: RailItem; badge: string }) {
  const Icon = item.icon
  return (
    <Tooltip label={item.label} side="right">
      <Link
        to={item.to}
        aria-label={badge ? `${item.label} (${badge})` : item.label}
        className="relative flex size-9 items-center justify-center rounded-md text-muted-foreground hover:bg-accent hover:text-foreground data-[status=active]:bg-accent data-[status=active]:text-foreground"
      >
        <Icon aria-hidden className="size-[18px]" />
        {badge ? (
          <span className="absolute top-0 right-0 min-w-4 rounded-full bg-badge px-1 text-center font-semibold text-[10px] text-badge-foreground leading-4">
            {badge}
          </span>
        ) : null}
      </Link>
    </Tooltip>
  )
}
