import { CircleHelp, Moon, Sun } from 'lucide-react'
import { type ReactNode, useEffect } from 'react'
import { useHelp } from '@/store/help'
import { useTheme } from '@/store/theme'
import { text } from '@/text'
import { Button } from './Button'
import { Tooltip } from './Tooltip'

interface PageProps {
  /** Also the title of the browser's tab. */
  title: string
  /** What the top bar shows instead of the title: crumbs, pills. */
  heading?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

/** A screen: the top bar of 48 px and, below it, everything that scrolls by itself. */
export function Page({ title, heading, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · ${text.product}`
  }, [title])
  return (
    <div className="flex h-full min-w-0 flex-col">
      <header className="flex h-12 shrink-0 items-center gap-3 border-b px-4">
        <div className="flex min-w-0 flex-1 items-center gap-2">
          {heading ?? <h1 className="truncate text-sm font-semibold">{title}</h1>}
        </div>
        <div className="flex items-center gap-2">{actions}</div>
        <div className="flex items-center gap-1">
          <ThemeSwitch />
          <HelpButton />
        </div>
      </header>
      <main className="min-h-0 flex-1">{children}</main>
    </div>
  )
}

function ThemeSwitch() {
  const { theme, toggle } = useTheme()
  const label = theme === 'dark' ? text.bar.toLight : text.bar.toDark
  return (
    <Tooltip label={label}>
      <Button look="ghost" size="icon" aria-label={label} onClick={toggle}>
        {theme === 'dark' ? <Sun /> : <Moon />}
      </Button>
    </Tooltip>
  )
}

function HelpButton() {
  const open = useHelp((state) => state.open)
  return (
    <Tooltip label={text.bar.help}>
      <Button
        look="ghost"
        size="icon"
        className="hidden sm:inline-flex"
        aria-label={text.bar.help}
        onClick={open}
      >
        <CircleHelp />
      </Button>
    </Tooltip>
  )
}
