import { Search } from 'lucide-react'
import { type KeyboardEvent, useMemo, useState } from 'react'
import type { NodeTypeView } from '@/api/types'
import { DRAG_TYPE } from './canvas/types'
import { iconOf, type Kinds } from './kinds'
import { text } from './text'

interface PaletteProps {
  kinds: Kinds
  onAdd: (type: string) => void
}

/** The kinds of steps: drag one, or press Enter on it. Arrows go from one to the next. */
export function Palette({ kinds, onAdd }: PaletteProps) {
  const [wanted, setWanted] = useState('')
  const found = useMemo(() => matching([...kinds.values()], wanted), [kinds, wanted])
  const builtin = found.filter((kind) => kind.builtin)
  const brought = found.filter((kind) => !kind.builtin)
  return (
    <aside
      aria-label={text.palette.title}
      className="flex w-14 shrink-0 flex-col border-r bg-background xl:w-48"
      onKeyDown={moveFocus}
    >
      <label className="relative m-2.5 hidden xl:block">
        <Search
          aria-hidden
          className="pointer-events-none absolute top-2 left-2 size-4 text-muted-foreground"
        />
        <input
          type="search"
          value={wanted}
          placeholder={text.palette.search}
          aria-label={text.palette.search}
          onChange={(event) => setWanted(event.target.value)}
          onKeyDown={(event) => {
            const first = found[0]
            if (event.key === 'Enter' && first) onAdd(first.name)
          }}
          className="h-8 w-full rounded-md border border-input bg-background pr-2 pl-7"
        />
      </label>
      <div className="min-h-0 flex-1 overflow-y-auto px-2.5 pt-2.5 pb-2 xl:pt-0">
        <Group title={text.palette.builtin} kinds={builtin} onAdd={onAdd} />
        <Group title={text.palette.brought} kinds={brought} onAdd={onAdd} />
        {found.length === 0 && kinds.size > 0 ? (
          <p className="px-1 py-2 text-muted-foreground">{text.palette.none}</p>
        ) : null}
      </div>
      <p className="hidden border-t px-3 py-2 text-[11px] text-muted-foreground xl:block">
        {text.palette.hint}
      </p>
    </aside>
  )
}

export function matching(kinds: NodeTypeView[], wanted: string): NodeTypeView[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean)
  return kinds.filter(({ name, title, description }) => {
    const all = `${name} ${title} ${description}`.toLowerCase()
    return words.every((word) => all.includes(word))
  })
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('input, button')]
  const at = items.indexOf(document.activeElement as HTMLElement)
  const next = items[at + (event.key === 'ArrowDown' ? 1 : -1)]
  if (!next) return
  event.preventDefault()
  next.focus()
}

interface GroupProps {
  title: string
  kinds: NodeTypeView[]
  onAdd: (type: string) => void
}

function Group({ title, kinds, onAdd }: GroupProps) {
  if (kinds.length === 0) return null
  return (
    <section className="mb-3">
      <h2 className="hidden px-1 pb-1 text-[11px] font-medium text-muted-foreground xl:block">
        {title}
      </h2>
      <ul>
        {kinds.map((kind) => (
          <li key={kind.name}>
            <Item kind={kind} onAdd={onAdd} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function Item({ kind, onAdd }: { kind: NodeTypeView; onAdd: (type: string) => void }) {
  const Icon = iconOf(kind.name)
  const isAway = kind.workers === 0 && !kind.inline && !kind.builtin
  return (
    <button
      type="button"
      draggable
      title={`${kind.title}: ${kind.description}`}
      aria-label={kind.title}
      data-type={kind.name}
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAG_TYPE, kind.name)
        event.dataTransfer.effectAllowed = 'move'
      }}
      onClick={(event) => {
        // A drag that ends where it began is no click; a key press has no detail.
        if (event.detail === 0 || event.detail === 2) onAdd(kind.name)
      }}
      className="flex h-9 w-full cursor-grab items-center gap-2.5 rounded-md px-1.5 text-left hover:bg-accent"
    >
      <span className="flex size-6 shrink-0 items-center justify-center rounded-sm border bg-card text-muted-foreground">
        <Icon aria-hidden className="size-3.5" />
      </span>
      <span className="hidden min-w-0 flex-1 truncate xl:block">{kind.title}</span>
      {isAway ? (
        <span className="hidden text-[11px] text-muted-foreground xl:block">
          {text.palette.noWorker}
        </span>
      ) : null}
    </button>
  )
}
