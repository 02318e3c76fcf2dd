import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { text } from '@/text'
import { Button } from './Button'

const SHOWN_MS = 1_500

/** Puts `value` on the clipboard and says so for a moment. */
export function CopyButton({ value, label = text.common.copy }: { value: string; label?: string }) {
  const [isDone, setDone] = useState(false)
  useEffect(() => {
    if (!isDone) return
    const timer = setTimeout(() => setDone(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [isDone])
  const shown = isDone ? text.common.copied : label
  return (
    <Button
      look="ghost"
      size="icon"
      className="size-6 [&_svg]:size-3.5"
      aria-label={shown}
      title={shown}
      onClick={() => void navigator.clipboard.writeText(value).then(() => setDone(true))}
    >
      {isDone ? <Check /> : <Copy />}
    </Button>
  )
}
