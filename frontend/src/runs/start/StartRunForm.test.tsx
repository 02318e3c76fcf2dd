import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import { renderPage } from '../../../tests/renderPage'
import { problem, serve } from '../../../tests/server'
import { StartRunForm } from './StartRunForm'

const FLOW = {
  name: 'flow',
  version: 3,
  digest: 'sha256:0',
  created_at: '2026-11-21T12:00:00Z',
  principal: 'ana',
  document: {
    inputs: {
      type: 'object',
      required: ['domain'],
      properties: {
        budget: { type: 'number', title: 'Budget' },
        domain: { type: 'string', title: 'Domain' },
      },
    },
  },
}

const draw = () => renderPage(() => <StartRunForm flow={FLOW} onClose={() => {}} />, '/')
const press = (name: string) => userEvent.click(screen.getByRole('button', { name }))

it('asks for what is required before it sends anything', async () => {
  const seen = serve({ '/runs': () => ({ id: '0-1', status: 'queued' }) })
  draw()
  const fields = await screen.findAllByRole<HTMLInputElement>('textbox', undefined, {
    timeout: 10_000,
  })
  expect(fields[0]).toHaveAccessibleName(/Domain/)
  await press('Run')
  expect(await screen.findByText('This is required.')).toBeVisible()
  expect(seen).toHaveLength(0)
})

it('starts the version it shows, and a repeated try once', async () => {
  let isAway = true
  const seen = serve({
    '/runs': () => {
      if (!isAway) return Response.json({ id: '0-1', status: 'queued' }, { status: 202 })
      isAway = false
      return problem(503, 'store-unavailable', { title: 'Postgres is away' })
    },
  })
  draw()
  await userEvent.type(await screen.findByLabelText(/Domain/, undefined, { timeout: 10_000 }), 'a')
  await press('Run')
  expect(await screen.findByText('Postgres is away')).toBeVisible()
  await press('Run')
  await waitFor(() => expect(seen).toHaveLength(2))
  const keys = seen.map((request) => request.headers.get('Idempotency-Key'))
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(keys[1]).toBe(keys[0])
  const [first] = seen
  expect(await first?.json()).toEqual({ workflow: 'flow@3', inputs: { domain: 'a' } })
})

it('keeps JSON as typed and sends only what is an object', async () => {
  const seen = serve({ '/runs': () => ({ id: '0-1', status: 'queued' }) })
  draw()
  await userEvent.click(await screen.findByRole('button', { name: 'JSON' }))
  const box = screen.getByLabelText('Inputs (JSON)')
  await userEvent.clear(box)
  await userEvent.type(box, '[[1]')
  await press('Run')
  expect(screen.getByRole('alert')).toHaveTextContent('This is no JSON object.')
  expect(box).toHaveValue('[1]')
  expect(seen).toHaveLength(0)
})
