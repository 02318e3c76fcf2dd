import type { InboxView } from '@/api/inbox'
import type { ApprovalLine } from '@/api/types'
import { classes } from '@/components/classes'
import { useInbox } from '@/store/inbox'
import { text } from '@/text'

const VIEWS = Object.keys(text.inbox.views) as InboxView[]

interface FiltersProps {
  items: readonly ApprovalLine[]
  /** Whether a question is open, which on narrow screens has the place for itself. */
  isAside: boolean
}

/** Which questions are listed. */
export function Filters({ items, isAside }: FiltersProps) {
  const { view, workflow, show, filter } = useInbox()
  const flows = [...new Set([...items.map((each) => each.workflow), workflow])].filter(Boolean)
  return (
    <nav
      aria-label={text.inbox.filters}
      className={classes(
        'shrink-0 gap-1 overflow-x-auto border-b bg-surface p-2 lg:flex lg:w-40 lg:flex-col lg:border-r lg:border-b-0 xl:w-[200px]',
        isAside ? 'hidden md:flex' : 'flex',
      )}
    >
      {VIEWS.map((each) => (
        <button
          key={each}
          type="button"
          aria-current={each === view}
          onClick={() => show(each)}
          className={classes(
            'flex h-8 shrink-0 items-center rounded-md px-2 text-left text-muted-foreground hover:bg-accent',
            each === view && 'bg-accent font-medium text-foreground',
          )}
        >
          {text.inbox.views[each]}
        </button>
      ))}
      <label className="mt-3 hidden flex-col gap-1 px-2 text-xs lg:flex">
        <span className="text-muted-foreground">{text.inbox.flow}</span>
        <select
          value={workflow}
          onChange={(event) => filter(event.target.value)}
          className="h-8 min-w-0 rounded-md border border-input bg-background px-1.5"
        >
          <option value="">{text.inbox.everyFlow}</option>
          {flows.sort().map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <p className="mt-auto hidden px-2 text-[11px] text-muted-foreground lg:block">
        {text.inbox.keys}
      </p>
    </nav>
  )
}
