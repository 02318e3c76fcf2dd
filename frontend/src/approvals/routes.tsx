import { Page } from '@/components/Page'
import { text } from '@/text'

export function InboxPage() {
  return <Page title={text.inbox.title}>{null}</Page>
}

export function ApprovalPage() {
  return <Page title={text.inbox.title}>{null}</Page>
}
