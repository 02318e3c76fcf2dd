import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { inboxQuery } from '@/api/inbox'
import { classes } from '@/components/classes'
import { Page } from '@/components/Page'
import { useInbox } from '@/store/inbox'
import { text } from '@/text'
import { ApprovalPane } from './ApprovalPane'
import { Filters } from './Filters'
import { QuestionList } from './QuestionList'
import { useInboxKeys } from './useInboxKeys'

/** Filters, questions and the selected one, as in mail; a column at a time on a phone. */
export function Inbox({ selected }: { selected: string | null }) {
  const { view, workflow } = useInbox()
  const list = useInfiniteQuery(inboxQuery(view, workflow))
  const items = list.data?.pages.flatMap((page) => page.items) ?? []
  /** Nothing to choose and nothing chosen: the list has the whole width to say so. */
  const isBare = list.isSuccess && items.length === 0 && selected === null
  const navigate = useNavigate()
  useInboxKeys({
    ids: items.map(({ id }) => id),
    selected,
    select: (approvalId) => void navigate({ to: '/inbox/$approvalId', params: { approvalId } }),
  })
  return (
    <Page title={text.inbox.title}>
      <div className="flex h-full flex-col lg:flex-row">
        <Filters items={items} isAside={selected !== null} />
        <div className="flex min-h-0 min-w-0 flex-1">
          <section
            aria-label={text.inbox.list}
            className={classes(
              'flex min-h-0 w-full flex-col',
              isBare ? 'min-w-0 flex-1' : 'shrink-0 md:w-[300px] md:border-r xl:w-[360px]',
              selected !== null && 'hidden md:flex',
            )}
          >
            <QuestionList list={list} items={items} selected={selected} view={view} />
          </section>
          <section
            className={classes(
              'min-h-0 min-w-0 flex-1 overflow-y-auto',
              selected === null && 'hidden md:block',
              isBare && 'md:hidden',
            )}
          >
            {selected === null ? (
              <div className="grid h-full place-items-center text-muted-foreground">
                {text.inbox.choose}
              </div>
            ) : (
              <ApprovalPane key={selected} id={selected} />
            )}
          </section>
        </div>
      </div>
    </Page>
  )
}
