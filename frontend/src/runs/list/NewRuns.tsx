import { ArrowUp } from 'lucide-react'
import { Button } from '@/components/Button'
import { text } from '@/text'

/** Runs that came while somebody was reading further down. */
export function NewRuns({ count, onShow }: { count: number; onShow: () => void }) {
  if (count === 0) return null
  return (
    <div className="pointer-events-none absolute inset-x-0 top-10 z-20 flex justify-center">
      <Button
        look="primary"
        size="small"
        className="pointer-events-auto shadow-md"
        onClick={onShow}
      >
        <ArrowUp aria-hidden />
        {text.runs.newRuns(count)}
      </Button>
    </div>
  )
}
