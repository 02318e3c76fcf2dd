import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { type ReactNode, useEffect, useState } from 'react'
import { latestQuery } from '@/api/documents'
import { infoQuery } from '@/api/info'
import { nodeTypesQuery } from '@/api/nodeTypes'
import { versionQuery } from '@/api/workflows'
import { buttonLook } from '@/components/Button'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import { useBuilder } from '@/store/builder'
import { draftKey, dropDraft } from '@/store/drafts'
import { text } from '@/text'
import { Builder } from './Builder'
import { type Kinds, useKinds } from './kinds'
import { openNew, openSaved } from './openFlow'

interface Opened {
  key: string
  restoredAt: number | null
}

export function NewFlow() {
  const { view } = useSearch({ from: '/flows/new' })
  const { owner, kinds, error } = useGround()
  const [opened, setOpened] = useState<Opened | null>(null)
  const key = owner === null ? null : draftKey(owner, null)
  useEffect(() => {
    if (key !== null) setOpened({ key, restoredAt: openNew(key) })
  }, [key])
  if (!opened || !kinds) return <Waiting title="" error={error} />
  return (
    <Builder
      key={`${opened.key} ${opened.restoredAt}`}
      kinds={kinds}
      draft={opened.key}
      restoredAt={opened.restoredAt}
      firstView={view ?? 'canvas'}
      onReload={() => {
        dropDraft(opened.key)
        setOpened({ key: opened.key, restoredAt: openNew(opened.key) })
      }}
    />
  )
}

export function EditFlow() {
  const { name } = useParams({ from: '/flows/$name' })
  const { version, view } = useSearch({ from: '/flows/$name' })
  const ground = useGround()
  const latest = useQuery(latestQuery(name))
  const wanted = useQuery({ ...versionQuery(name, version), enabled: version !== undefined })
  const client = useQueryClient()
  const [opened, setOpened] = useState<Opened | null>(null)
  const { owner, kinds } = ground
  const shown = version === undefined ? latest.data?.view : wanted.data
  const key = owner === null ? null : draftKey(owner, name)

  const wantedKey = `${key} ${version ?? ''}`

  useEffect(() => {
    // Once: what others save meanwhile is met when this one saves.
    if (!latest.data || !shown || !kinds || key === null || opened?.key === wantedKey) return
    setOpened({ key: wantedKey, restoredAt: openSaved(latest.data, shown, key, kinds) })
  }, [latest.data, shown, kinds, key, opened, wantedKey])

  const error = latest.error ?? wanted.error ?? ground.error
  if (opened?.key !== wantedKey || !kinds || key === null)
    return <Waiting title={name} error={error} />
  const reload = async (): Promise<void> => {
    await client.refetchQueries({ queryKey: latestQuery(name).queryKey })
    dropDraft(key)
    useBuilder.getState().setBase(null)
    setOpened(null)
  }
  return (
    <Builder
      key={opened.key}
      kinds={kinds}
      draft={key}
      restoredAt={opened.restoredAt}
      firstView={view ?? 'canvas'}
      onReload={() => void reload()}
    />
  )
}

/** Who works here, and with which types of steps. */
function useGround(): { owner: string | null; kinds: Kinds | null; error: unknown } {
  const info = useQuery(infoQuery)
  const types = useQuery(nodeTypesQuery)
  const kinds = useKinds()
  const owner = info.data ? `${info.data.tenant}/${info.data.principal}` : null
  return { owner, kinds: types.data ? kinds : null, error: info.error ?? types.error }
}

function Waiting({ title, error }: { title: string; error: unknown }): ReactNode {
  return (
    <Page title={title}>
      {error ? (
        <div className="flex flex-col items-start gap-4 p-4">
          <ProblemNote error={error} className="w-full" />
          <Link to="/flows" className={buttonLook()}>
            {text.notFound.back}
          </Link>
        </div>
      ) : (
        <div className="flex h-full">
          <Skeleton className="h-full w-56 rounded-none opacity-40" />
        </div>
      )}
    </Page>
  )
}
