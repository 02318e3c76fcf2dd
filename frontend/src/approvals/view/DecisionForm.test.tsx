import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, it, vi } from 'vitest'
import type { ApprovalView } from '@/api/types'
import { DecisionForm } from './DecisionForm'

const fetched = vi.fn<(request: Request) => Promise<Response>>()

beforeEach(() => {
  fetched.mockReset()
  vi.stubGlobal('fetch', fetched)
})

const APPROVAL: ApprovalView = {
  id: 'apr-1',
  run: '3-run',
  node: 'approve',
  gen: 1,
  workflow: 'refund',
  message: 'Send it?',
  payload: { amount: 240 },
  form: null,
  assignees: [],
  groups: ['finance'],
  status: 'pending',
  requested_at: '2026-03-01T09:30:00Z',
  expires_at: null,
  decided_at: null,
  decided_by: null,
  comment: null,
  decided_payload: null,
  may_decide: true,
}

function show(changes: Partial<ApprovalView> = {}) {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <DecisionForm approval={{ ...APPROVAL, ...changes }} />
    </QueryClientProvider>,
  )
  return userEvent.setup()
}

const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status })

async function sent(): Promise<unknown> {
  return fetched.mock.calls[0]?.[0].clone().json()
}

it('sends no payload when the proposal is approved as it is', async () => {
  fetched.mockResolvedValue(answer(200, {}))
  const person = show()
  await person.type(screen.getByLabelText('Comment'), 'fine')
  await person.click(screen.getByRole('button', { name: 'Approve' }))
  await vi.waitFor(() => expect(fetched).toHaveBeenCalledOnce())
  expect(await sent()).toEqual({ decision: 'approve', comment: 'fine' })
})

it('sends what was edited, and not while it is no JSON', async () => {
  fetched.mockResolvedValue(answer(200, {}))
  const person = show()
  const field = screen.getByLabelText('What is decided on')
  await person.clear(field)
  await person.type(field, '{{"amount": ')
  expect(screen.getByRole('button', { name: /Approve/ })).toBeDisabled()
  await person.type(field, '77}')
  await person.click(screen.getByRole('button', { name: 'Approve as edited' }))
  await vi.waitFor(() => expect(fetched).toHaveBeenCalledOnce())
  expect(await sent()).toEqual({ decision: 'approve', comment: '', payload: { amount: 77 } })
})

it('shows a long text of the proposal in several lines', { timeout: 15_000 }, async () => {
  const text = 'We send 240 EUR back to you within three days, as you asked.'
  const free = { type: 'string' }
  const one = { type: 'string', enum: [text] }
  show({
    payload: { text, short: 'fine', one: text },
    form: { type: 'object', properties: { text: free, short: free, one } },
  })
  expect((await screen.findByLabelText('text', {}, { timeout: 10_000 })).tagName).toBe('TEXTAREA')
  expect(screen.getByLabelText('short').tagName).toBe('INPUT')
  expect(screen.getByLabelText('one').tagName).not.toBe('TEXTAREA')
})

it('tells who was first when the question is closed meanwhile', async () => {
  const decided = {
    status: 'rejected',
    by: 'ben',
    at: '2026-03-01T09:31:00Z',
    comment: '<b>no</b>',
  }
  fetched.mockResolvedValue(
    answer(409, { type: '/problems/already-decided', title: 'Closed', status: 409, decided }),
  )
  const person = show()
  await person.click(screen.getByRole('button', { name: 'Approve' }))
  expect(await screen.findByText('Your answer came too late.')).toBeInTheDocument()
  expect(screen.getByText('by ben')).toBeInTheDocument()
  expect(screen.getByText('<b>no</b>')).toBeInTheDocument()
})

it('keeps what was written when the answer is refused', async () => {
  fetched.mockResolvedValue(
    answer(422, { type: '/problems/invalid-payload', title: 'Does not fit', status: 422 }),
  )
  const person = show()
  await person.type(screen.getByLabelText('Comment'), 'a long reason')
  await person.click(screen.getByRole('button', { name: 'Approve' }))
  expect(await screen.findByText('Does not fit')).toBeInTheDocument()
  expect(screen.getByLabelText('Comment')).toHaveValue('a long reason')
})

it('says whom it asks to those who may not answer', () => {
  show({ may_decide: false })
  expect(screen.getByText('Only finance may answer this.')).toBeInTheDocument()
  expect(screen.queryByRole('button', { name: 'Reject' })).toBeNull()
})

it('asks nothing any more once the question is closed', () => {
  show({ status: 'expired' })
  expect(screen.queryByRole('button')).toBeNull()
})
