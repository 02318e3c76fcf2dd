import { screen, within } from '@testing-library/react'
import { expect, it } from 'vitest'
import { NASTY } from '../../../tests/nasty'
import { renderPage } from '../../../tests/renderPage'
import { problem, serve } from '../../../tests/server'
import { RunList } from './RunList'

const AT = '2026-11-21T12:00:00Z'

function line(id: string, more: object = {}) {
  const times = { accepted_at: AT, started_at: AT, ended_at: AT }
  const base = { id, workflow: 'flow', version: 1, status: 'succeeded', counter: 0, labels: {} }
  return { ...base, ...times, ...more }
}

function page(items: unknown[]) {
  return { items, next_cursor: null }
}

it('shows names, labels and states of any kind as text', async () => {
  const runs = NASTY.map((nasty, index) =>
    line(`0-${index}`, { workflow: nasty, status: nasty, labels: { [nasty]: nasty } }),
  )
  serve({ '/runs': () => page(runs), '/workflows': () => page([]) })
  const { container } = renderPage(RunList, '/runs')
  await screen.findAllByText(NASTY[0] ?? '')
  const rows = screen.getAllByRole('row')
  expect(rows).toHaveLength(NASTY.length + 1)
  NASTY.forEach((nasty, index) => {
    expect(rows[index + 1]).toHaveTextContent(nasty, { normalizeWhitespace: false })
  })
  expect(container.querySelector('script, td img')).toBeNull()
})

it('says that nothing ever ran', async () => {
  serve({ '/runs': () => page([]), '/workflows': () => page([]) })
  renderPage(RunList, '/runs')
  expect(await screen.findByText('Nothing has run yet')).toBeVisible()
})

it('says that filters hide the runs, and counts states as filters', async () => {
  const failed = [line('0-1', { status: 'failed' })]
  serve({
    '/runs': (url) => {
      const asked = url.searchParams.getAll('status')
      return page(asked.includes('failed') && !url.searchParams.has('workflow') ? failed : [])
    },
    '/workflows': () => page([]),
  })
  renderPage(RunList, '/runs', '/runs?status=waiting')
  expect(await screen.findByText('No run matches')).toBeVisible()
  const states = screen.getByRole('navigation', { name: 'State' })
  expect(await within(states).findByRole('link', { name: /Failed ?1/ })).toBeVisible()
})

it('shows a problem with its faults', async () => {
  const errors = [{ detail: 'is no status', parameter: 'status' }]
  serve({
    '/runs': () => problem(400, 'invalid-request', { title: 'The request is not valid', errors }),
    '/workflows': () => page([]),
  })
  renderPage(RunList, '/runs')
  const alert = await screen.findByRole('alert')
  expect(alert).toHaveTextContent('The request is not valid')
  expect(alert).toHaveTextContent('is no status')
})
