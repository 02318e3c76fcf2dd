import { useEffect, useState } from 'react'

/** The time, renewed every `everyMs`; for durations that grow on the screen. */
export function useNow(everyMs = 1_000): Date {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
