import { useQuery } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import { versionQuery } from '@/api/workflows'
import { Page } from '@/components/Page'
import { ProblemNote } from '@/components/ProblemNote'

export function NewFlow() {
  return <Page title="New flow">{null}</Page>
}

export function EditFlow() {
  const { name } = useParams({ from: '/flows/$name' })
  const { version } = useSearch({ from: '/flows/$name' })
  const { data, error } = useQuery(versionQuery(name, version))
  return (
    <Page title={name}>
      {error ? <ProblemNote error={error} className="m-6" /> : null}
      <pre className="h-full overflow-auto p-6 font-mono text-xs">
        {data ? JSON.stringify(data.document, null, 2) : null}
      </pre>
    </Page>
  )
}
