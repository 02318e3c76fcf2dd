import { useEffect, useState } from 'react'
import { asProblem } from '@/api/client'
import { validate } from '@/api/documents'
import { documentOf, useBuilder } from '@/store/builder'

const PAUSE_MS = 350

/** Ask the compiler about each document that stands for a moment. */
export function useValidation(): { isChecking: boolean; failure: string | null } {
  const document = useBuilder(documentOf)
  const setDiagnostics = useBuilder((state) => state.setDiagnostics)
  const [isChecking, setIsChecking] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  useEffect(() => {
    if (document.nodes.length === 0) {
      setDiagnostics(document, [])
      setIsChecking(false)
      return
    }
    const stop = new AbortController()
    const ask = async (): Promise<void> => {
      setIsChecking(true)
      try {
        const { diagnostics } = await validate(document, stop.signal)
        if (stop.signal.aborted) return
        setDiagnostics(document, diagnostics)
        setFailure(null)
      } catch (error) {
        if (stop.signal.aborted) return
        setFailure(asProblem(error).message)
      }
      setIsChecking(false)
    }
    const timer = setTimeout(() => void ask(), PAUSE_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [document, setDiagnostics])
  return { isChecking, failure }
}
