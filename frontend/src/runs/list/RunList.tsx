import { Page } from '@/components/Page'
import { text } from '@/text'

export function RunList() {
  return <Page title={text.runs.title}>{null}</Page>
}
