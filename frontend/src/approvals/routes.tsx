import { useParams } from '@tanstack/react-router'
import { Inbox } from './view/Inbox'

export function InboxPage() {
  return <Inbox selected={null} />
}

export function ApprovalPage() {
  const { approvalId } = useParams({ from: '/inbox/$approvalId' })
  return <Inbox selected={approvalId} />
}
