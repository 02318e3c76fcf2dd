import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { text } from '@/text'
import { CopyButton } from './CopyButton'
import { classes } from './classes'

const SHOWN_ITEMS = 100
const SHOWN_CHARS = 2_000
const OPEN_DEPTH = 2

/** Any JSON as a tree. Strings stand as they are: never as markup. */
export function JsonView({ value, label }: { value: unknown; label: string }) {
  return (
    <section aria-label={label} className="group/json relative rounded-md border bg-surface">
      <div className="absolute top-1 right-1 opacity-0 focus-within:opacity-100 group-hover/json:opacity-100">
        <CopyButton value={JSON.stringify(value, null, 2) ?? ''} />
      </div>
      <div className="overflow-x-auto px-2 py-1.5 font-mono text-xs leading-5">
        <Value value={value} depth={0} />
      </div>
    </section>
  )
}

interface ValueProps {
  name?: string
  value: unknown
  depth: number
}

function Value({ name, value, depth }: ValueProps) {
  if (typeof value === 'object' && value !== null) {
    return <Branch {...(name === undefined ? {} : { name })} value={value} depth={depth} />
  }
  return (
    <div className="flex pl-4">
      <Name name={name} />
      {typeof value === 'string' ? <Text value={value} /> : <Scalar value={value} />}
    </div>
  )
}

function Name({ name }: { name: string | undefined }) {
  if (name === undefined) return null
  return <span className="mr-1.5 shrink-0 text-muted-foreground">{name}:</span>
}

function Scalar({ value }: { value: unknown }) {
  return (
    <span className={value === null ? 'text-muted-foreground' : 'text-state-running'}>
      {String(value)}
    </span>
  )
}

function Text({ value }: { value: string }) {
  const [isWhole, setWhole] = useState(false)
  const isLong = value.length > SHOWN_CHARS && !isWhole
  return (
    <span className="min-w-0 whitespace-pre-wrap [overflow-wrap:anywhere]">
      <bdi>{isLong ? value.slice(0, SHOWN_CHARS) : value === '' ? '""' : value}</bdi>
      {isLong ? (
        <button type="button" className="ml-1 underline" onClick={() => setWhole(true)}>
          {text.json.showAll(value.length)}
        </button>
      ) : null}
    </span>
  )
}

function Branch({ name, value, depth }: ValueProps & { value: object }) {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH)
  const [shown, setShown] = useState(SHOWN_ITEMS)
  const isList = Array.isArray(value)
  const entries = Object.entries(value)
  const size = isList ? text.json.items(entries.length) : text.json.fields(entries.length)
  return (
    <div>
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
        className="flex items-center rounded-sm pr-1 text-left hover:bg-accent"
      >
        <ChevronRight
          aria-hidden
          className={classes('size-4 shrink-0 p-0.5 text-muted-foreground', isOpen && 'rotate-90')}
        />
        <Name name={name} />
        <span className="text-muted-foreground">
          {isList ? '[' : '{'}
          {size}
          {isList ? ']' : '}'}
        </span>
      </button>
      {isOpen ? (
        <div className="ml-2 border-l pl-1.5">
          {entries.slice(0, shown).map(([key, each]) => (
            <Value key={key} name={key} value={each} depth={depth + 1} />
          ))}
          {entries.length > shown ? (
            <button
              type="button"
              className="pl-4 underline"
              onClick={() => setShown(shown + SHOWN_ITEMS * 10)}
            >
              {text.json.more(entries.length - shown)}
            </button>
          ) : null}
        </div>
      ) : null}
    </div>
  )
}
