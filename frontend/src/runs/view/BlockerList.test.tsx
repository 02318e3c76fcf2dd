import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it, vi } from 'vitest'
import { renderPage } from '../../../tests/renderPage'
import { serve } from '../../../tests/server'
import { BlockerList } from './BlockerList'

const AT = '2030-01-02T03:04:05Z'
const PATH = '/runs/r/blockers'
const base = { id: 'r', status: 'running', live: 0, run: null, items: [], groups: [] }

function show(answer: object, onShowNode = () => {}): Request[] {
  const seen = serve({ [PATH]: () => ({ ...base, ...answer }) })
  renderPage(() => <BlockerList run="r" seq={1} onShowNode={onShowNode} />, '/')
  return seen
}

it('tells the reason of each node, and leads to it', async () => {
  const onShowNode = vi.fn()
  const items = [
    {
      kind: 'backoff',
      node: 'fetch',
      text: 'Attempt 2 of 4 is due after a pause.',
      blocks: true,
      until: AT,
      error: 'the peer answered 503',
    },
    { kind: 'running', node: 'score', text: 'Worker w1 runs it.', blocks: false },
  ]
  show({ live: 2, items }, onShowNode)
  const [first] = await screen.findAllByRole('listitem')
  expect(first).toHaveTextContent('Attempt 2 of 4 is due after a pause.')
  expect(first).toHaveTextContent('the peer answered 503')
  expect(first).toHaveTextContent('goes on')
  await userEvent.click(screen.getByRole('button', { name: 'score' }))
  expect(onShowNode).toHaveBeenCalledWith('score')
})

it('says first what holds the whole run, and counts what is not listed', async () => {
  const run = { kind: 'paused', text: 'ada paused the run.', blocks: true, since: AT }
  const items = [{ kind: 'paused', node: 'a', text: 'The run is paused.', blocks: true }]
  const groups = [{ kind: 'paused', type: 'http', count: 300, blocks: true }]
  show({ live: 300, run, items, groups })
  expect(await screen.findByText('ada paused the run.')).toBeVisible()
  expect(screen.getByText('Of 300 nodes: 300 http paused')).toBeVisible()
})

it('links to the approval and to the runs that are waited for', async () => {
  const items = [
    { kind: 'approval', node: 'ask', text: 'Waits.', blocks: true, approval: 'apr-1' },
    { kind: 'child', node: 'sub', text: 'It waits for run 0-c.', blocks: true, runs: ['0-c'] },
  ]
  show({ live: 2, items })
  const [ask, sub] = await screen.findAllByRole('listitem')
  expect(within(ask as HTMLElement).getByRole('link')).toHaveAttribute('href', '/inbox/apr-1')
  expect(within(sub as HTMLElement).getByRole('link')).toHaveAttribute('href', '/runs/0-c')
})

it('says so when nothing is in the way', async () => {
  show({})
  expect(await screen.findByText('Nothing is in the way of this run.')).toBeVisible()
})
