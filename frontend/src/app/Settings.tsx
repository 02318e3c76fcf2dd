import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { infoQuery } from '@/api/info'
import { Button } from '@/components/Button'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'
import { Skeleton } from '@/components/Skeleton'
import { useSession } from '@/store/session'
import { text } from '@/text'

/** Who is signed in, where, and the way out. */
export function Settings() {
  const { data, error, refetch } = useQuery(infoQuery)
  const leave = useSession((state) => state.leave)
  return (
    <Page title={text.settings.title}>
      <div className="h-full overflow-y-auto">
        <div className="mx-auto max-w-2xl space-y-4 p-6">
          {error ? <ProblemNote error={error} onRetry={() => void refetch()} /> : null}
          <dl className="divide-y rounded-lg border bg-card">
            <Row label={text.settings.person}>{data?.principal}</Row>
            <Row label={text.settings.tenant}>{data?.tenant}</Row>
            <Row label={text.settings.roles}>{data?.roles.join(', ')}</Row>
            <Row label={text.settings.version}>{data?.version}</Row>
            <Row label={text.settings.server}>{window.location.origin}</Row>
          </dl>
          <div className="flex items-center justify-between">
            <a
              href="/api/v1/docs"
              target="_blank"
              rel="noreferrer"
              className="text-primary underline-offset-4 hover:underline"
            >
              {text.settings.api}
            </a>
            <Button onClick={() => leave('left')}>{text.settings.signOut}</Button>
          </div>
        </div>
      </div>
    </Page>
  )
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex items-center gap-4 px-4 py-2.5">
      <dt className="w-32 shrink-0 text-muted-foreground">{label}</dt>
      <dd className="min-w-0 truncate">{children ?? <Skeleton className="h-4 w-24" />}</dd>
    </div>
  )
}
