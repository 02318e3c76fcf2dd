import { Page } from '@/components/Page'
import { text } from '@/text'

export function WorkflowList() {
  return <Page title={text.flows.title}>{null}</Page>
}
