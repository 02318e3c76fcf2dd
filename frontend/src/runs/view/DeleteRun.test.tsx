import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import { renderPage } from '../../../tests/renderPage'
import { problem, serve } from '../../../tests/server'
import { DeleteRun } from './DeleteRun'

const RUN = '3-01k8vz4m0q7s2x9c5d6f7g8h9j'

async function ask(): Promise<HTMLElement> {
  renderPage(() => <DeleteRun id={RUN} />, '/')
  await userEvent.click(await screen.findByRole('button', { name: 'Delete run' }))
  return screen.getByRole('dialog', { name: 'Delete this run?' })
}

it('asks first, and deletes only when that is confirmed', async () => {
  const seen = serve({ [`/runs/${RUN}`]: () => new Response(null, { status: 204 }) })
  const dialog = await ask()
  await userEvent.click(screen.getByRole('button', { name: 'Keep it' }))
  expect(dialog).not.toBeInTheDocument()
  expect(seen).toHaveLength(0)
  await userEvent.click(screen.getByRole('button', { name: 'Delete run' }))
  await userEvent.click(screen.getByRole('button', { name: 'Delete run' }))
  await expect.poll(() => seen.map(({ method }) => method)).toEqual(['DELETE'])
  await expect.poll(() => screen.queryByRole('dialog')).toBeNull()
})

it('says why a run cannot be deleted and stays', async () => {
  serve({ [`/runs/${RUN}`]: () => problem(409, 'run-goes-on', { detail: 'a child run stops' }) })
  await ask()
  await userEvent.click(screen.getByRole('button', { name: 'Delete run' }))
  expect(await screen.findByText('a child run stops')).toBeVisible()
})
