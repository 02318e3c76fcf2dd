import { text } from '@/text'
import { Button } from './Button'

interface LoadMoreProps {
  /** Of an infinite query. */
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown }
}

/** The next page of a list, if there is one. */
export function LoadMore({ query }: LoadMoreProps) {
  if (!query.hasNextPage) return null
  return (
    <div className="flex justify-center p-3">
      <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? text.common.loading : text.common.loadMore}
      </Button>
    </div>
  )
}
