import { Link } from '@tanstack/react-router'
import { buttonLook } from '@/components/Button'
import { EmptyState } from '@/components/EmptyState'
import { text } from '@/text'

export function NotFound() {
  return (
    <EmptyState title={text.notFound.title} detail={text.notFound.detail}>
      <Link to="/flows" className={buttonLook()}>
        {text.notFound.back}
      </Link>
    </EmptyState>
  )
}
