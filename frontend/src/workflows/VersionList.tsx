import { Page } from '@/components/Page'
import { text } from '@/text'

export function VersionList() {
  return <Page title={text.versions.title}>{null}</Page>
}
