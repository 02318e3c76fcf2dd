import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { ChevronRight, Play } from 'lucide-react'
import { useState } from 'react'
import type { VersionLine } from '@/api/types'
import { versionsQuery } from '@/api/workflows'
import { Button, buttonLook } from '@/components/Button'
import { LoadMore } from '@/components/LoadMore'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'
import { RelativeTime } from '@/components/RelativeTime'
import { Cell, Row, SkeletonRows, Table } from '@/components/Table'
import { useNow } from '@/components/useNow'
import { StartRunDialog } from '@/runs/start/StartRunDialog'
import { text } from '@/text'

const { columns } = text.versions
const COLUMNS = [columns.version, columns.saved, columns.by, columns.digest, null]
const WIDTHS = ['', 'w-28', 'hidden w-40 sm:table-cell', 'hidden w-56 lg:table-cell', 'w-40']

/** What a flow was, newest first. */
export function VersionList() {
  const { name } = useParams({ from: '/flows/$name/versions' })
  const query = useInfiniteQuery(versionsQuery(name))
  const [toRun, setToRun] = useState<number | null>(null)
  const now = useNow(10_000)
  const versions = query.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page title={`${name} · ${text.versions.title}`} heading={<Crumbs name={name} />}>
      <div className="h-full overflow-y-auto">
        {query.error ? (
          <ProblemNote error={query.error} onRetry={() => void query.refetch()} className="m-4" />
        ) : null}
        {query.isLoadingError ? null : (
          <Table label={text.versions.title} columns={COLUMNS} widths={WIDTHS}>
            {query.isPending ? <SkeletonRows columns={COLUMNS.length} rows={4} /> : null}
            {versions.map((line, index) => (
              <VersionRow
                key={line.version}
                line={line}
                isLatest={index === 0}
                now={now}
                onRun={setToRun}
              />
            ))}
          </Table>
        )}
        <LoadMore query={query} />
      </div>
      <StartRunDialog
        workflow={toRun === null ? null : name}
        {...(toRun === null ? {} : { version: toRun })}
        onClose={() => setToRun(null)}
      />
    </Page>
  )
}

function Crumbs({ name }: { name: string }) {
  return (
    <>
      <Link to="/flows" className="text-muted-foreground hover:text-foreground">
        {text.flows.title}
      </Link>
      <ChevronRight aria-hidden className="size-3.5 shrink-0 text-muted-foreground" />
      <Link
        to="/flows/$name"
        params={{ name }}
        className="truncate text-muted-foreground hover:text-foreground"
      >
        {name}
      </Link>
      <ChevronRight aria-hidden className="size-3.5 shrink-0 text-muted-foreground" />
      <h1 className="text-sm font-semibold">{text.versions.title}</h1>
    </>
  )
}

interface VersionRowProps {
  line: VersionLine
  isLatest: boolean
  now: Date
  onRun: (version: number) => void
}

function VersionRow({ line, isLatest, now, onRun }: VersionRowProps) {
  const { name, version } = line
  return (
    <Row>
      <Cell>
        <span className="font-medium">{text.common.version(version)}</span>
        {isLatest ? (
          <span className="ml-2 rounded-full border px-2 py-0.5 text-muted-foreground text-xs">
            {text.versions.latest}
          </span>
        ) : null}
      </Cell>
      <Cell className="text-muted-foreground">
        <RelativeTime at={line.created_at} now={now} />
      </Cell>
      <Cell className="hidden text-muted-foreground sm:table-cell">{line.principal}</Cell>
      <Cell
        className="hidden font-mono text-muted-foreground text-xs lg:table-cell"
        title={line.digest}
      >
        {shortDigest(line.digest)}
      </Cell>
      <Cell>
        <div className="flex justify-end gap-1 text-muted-foreground group-focus-within:text-foreground group-hover:text-foreground">
          <Button look="ghost" size="small" onClick={() => onRun(version)}>
            <Play aria-hidden />
            {text.versions.run}
          </Button>
          <Link
            to="/flows/$name"
            params={{ name }}
            search={isLatest ? {} : { version }}
            className={buttonLook({ look: 'ghost', size: 'small' })}
          >
            {text.versions.open}
          </Link>
        </div>
      </Cell>
    </Row>
  )
}

/** Its first digits tell versions apart; the whole is in the tooltip. */
function shortDigest(digest: string): string {
  return digest.length > 19 ? digest.slice(0, 19) : digest
}
