import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { blobQuery } from '@/api/blobs'
import { formatSize, type Reference } from '@/model/reference'
import { text } from '@/text'
import { Button } from './Button'
import { JsonView } from './JsonView'
import { ProblemNote } from './ProblemNote'

/** Larger ones are loaded when somebody asks for them. */
const AT_ONCE_BYTES = 1_000_000

/** A value that is too large to stand inline, from the blob store. */
export function StoredValue({ reference, label }: { reference: Reference; label: string }) {
  const [isWanted, setWanted] = useState(reference.sizeBytes <= AT_ONCE_BYTES)
  const value = useQuery({ ...blobQuery(reference.digest), enabled: isWanted })
  if (!isWanted) {
    return (
      <Button size="small" className="self-start" onClick={() => setWanted(true)}>
        {text.common.load(formatSize(reference.sizeBytes))}
      </Button>
    )
  }
  if (value.error) return <ProblemNote error={value.error} onRetry={() => void value.refetch()} />
  if (value.isPending) return <p className="text-muted-foreground">{text.common.loading} …</p>
  return <JsonView value={value.data} label={label} />
}
