import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { asProblem } from '@/api/client'
import { checkKey } from '@/api/info'
import { Button } from '@/components/Button'
import { ProblemNote } from '@/components/ProblemNote'
import { useSession } from '@/store/session'
import { text } from '@/text'
import icon from './icon.svg'

/** Asks for the API key, and lets nobody in before the server has accepted it. */
export function SignIn() {
  const { reason, enter } = useSession()
  const [key, setKey] = useState('')
  const check = useMutation({ mutationFn: checkKey, onSuccess: (_, accepted) => enter(accepted) })
  useEffect(() => {
    document.title = `${text.signIn.title}`
  }, [])
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const trimmed = key.trim()
    if (trimmed) check.mutate(trimmed)
  }
  const isRefused = check.error ? asProblem(check.error).status === 401 : reason === 'refused'
  return (
    <main className="flex h-full items-center justify-center bg-surface dark:bg-background p-4">
      <form
        onSubmit={submit}
        className="w-full max-w-sm rounded-lg border bg-card p-6 shadow-sm"
        noValidate
      >
        <img src={icon} alt="" className="mb-4 size-9" />
        <h1 className="text-base font-semibold">{text.signIn.title}</h1>
        <p className="mt-1 text-muted-foreground">
          {reason === 'left' ? `${text.signIn.left} ` : ''}
          {text.signIn.lead}
        </p>
        <label className="mt-5 block">
          <span className="font-medium">{text.signIn.field}</span>
          <input
            // biome-ignore lint/a11y/noAutofocus: the page has this one thing to do
            autoFocus
            type="password"
            autoComplete="current-password"
            spellCheck={false}
            value={key}
            onChange={(event) => setKey(event.target.value)}
            aria-invalid={isRefused}
            className="mt-1 h-9 w-full rounded-md border border-input bg-background px-2.5 font-mono"
          />
        </label>
        <Refusal error={check.error} isRefused={isRefused} />
        <Button
          type="submit"
          look="primary"
          className="mt-4 h-9 w-full"
          disabled={check.isPending || !key.trim()}
        >
          {check.isPending ? text.signIn.checking : text.signIn.submit}
        </Button>
        <details className="mt-5 text-muted-foreground">
          <summary className="cursor-pointer">{text.signIn.where}</summary>
          <p className="mt-2">
            <code className="font-mono text-foreground text-xs">minuet up</code>{' '}
            {text.signIn.whereLocal}{' '}
            <code className="font-mono text-foreground text-xs">.minuet/api-key</code>.
          </p>
          <p className="mt-2">{text.signIn.whereOther}</p>
        </details>
      </form>
    </main>
  )
}

function Refusal({ error, isRefused }: { error: unknown; isRefused: boolean }) {
  if (isRefused) {
    return (
      <p role="alert" className="mt-2 text-destructive">
        {text.signIn.refused}
      </p>
    )
  }
  return error ? <ProblemNote error={error} className="mt-3" /> : null
}
