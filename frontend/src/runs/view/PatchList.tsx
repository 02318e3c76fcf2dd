import { JsonView } from '@/components/JsonView'
import { RelativeTime } from '@/components/RelativeTime'
import { StatusGlyph } from '@/components/StatusGlyph'
import { useNow } from '@/components/useNow'
import type { PatchView } from '@/model/run-overlay'
import { PATCHED_COLOUR } from '@/model/status'
import { text } from '@/text'
import { Nothing } from './Section'

/** Every attempt to change the run, newest first, refused ones with their reason. */
export function PatchList({ patches }: { patches: readonly PatchView[] }) {
  const now = useNow(10_000)
  if (patches.length === 0) {
    return (
      <div className="p-4">
        <Nothing>{text.run.noPatches}</Nothing>
      </div>
    )
  }
  return (
    <ol className="flex flex-col gap-3 p-4">
      {patches.map((patch) => (
        <li key={`${patch.patch} ${patch.number}`}>
          <PatchCard patch={patch} now={now} />
        </li>
      ))}
    </ol>
  )
}

function PatchCard({ patch, now }: { patch: PatchView; now: Date }) {
  const isRefused = patch.status === 'refused'
  const at = patch.decided_at ?? patch.created_at
  return (
    <article
      className="rounded-md border border-l-2 px-3 py-2"
      style={{ borderLeftColor: isRefused ? 'var(--state-failed)' : PATCHED_COLOUR }}
    >
      <header className="flex items-center gap-2 text-muted-foreground text-xs">
        <StatusGlyph
          status={isRefused ? 'rejected' : patch.status === 'applied' ? 'approved' : 'waiting'}
        />
        <span className="first-letter:uppercase">{patch.status}</span>
        <span className="min-w-0 truncate">
          <bdi>{text.run.patchBy(patch.by, patch.by_agent)}</bdi>
        </span>
        <span className="flex-1" />
        {at ? <RelativeTime at={at} now={now} /> : null}
      </header>
      {patch.note ? (
        <p className="mt-1 break-words font-medium">
          <bdi>{patch.note}</bdi>
        </p>
      ) : null}
      <Changes changes={patch.changes} />
      {patch.reason ? (
        <div className="mt-1.5 text-state-failed">
          <p>{text.run.refused(patch.reason)}</p>
          <ul className="list-inside list-disc">
            {(patch.detail ?? []).map((line) => (
              <li key={line} className="break-words">
                {line}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      <details className="mt-1.5">
        <summary className="w-fit cursor-pointer text-muted-foreground text-xs">
          {text.run.operations}
        </summary>
        <div className="mt-1">
          <JsonView value={patch.operations} label={text.run.operations} />
        </div>
      </details>
    </article>
  )
}

type Changed = keyof typeof text.run.changes

function Changes({ changes }: { changes: PatchView['changes'] }) {
  const kinds = (Object.keys(text.run.changes) as Changed[]).filter(
    (kind) => (changes[kind] ?? []).length > 0,
  )
  if (kinds.length === 0) return null
  return (
    <dl className="mt-1.5 grid grid-cols-[6.5rem_1fr] gap-x-2 gap-y-0.5 text-xs">
      {kinds.map((kind) => (
        <div key={kind} className="contents">
          <dt className="text-muted-foreground">{text.run.changes[kind]}</dt>
          <dd className="min-w-0 break-words font-mono">
            {kind.startsWith('edges') ? (
              (changes[kind] ?? []).map((each) => (
                <span key={changeText(each)} className="block">
                  {changeText(each)}
                </span>
              ))
            ) : (
              <span>{(changes[kind] ?? []).map(changeText).join(', ')}</span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** Nodes and fields are names; edges are objects or [from, port, to]. */
export function changeText(change: unknown): string {
  if (typeof change === 'string') return change
  if (Array.isArray(change)) return change.map(String).join(' → ')
  if (typeof change === 'object' && change !== null) {
    const { from, to, on } = change as Record<string, unknown>
    return on ? `${from} → ${to} (${on})` : `${from} → ${to}`
  }
  return String(change)
}
