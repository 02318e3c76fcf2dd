import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import { openRun, type RunView } from '@/model/run-fold'
import { renderPage } from '../../../tests/renderPage'
import { serve } from '../../../tests/server'
import { RunInspector } from './RunInspector'

const DIGEST = `sha256:${'a'.repeat(64)}`
const HUGE = `sha256:${'b'.repeat(64)}`

function show(changes: Partial<RunView>): void {
  const run = { id: 'r', inputs: {}, outputs: null, nodes: [], seq: 1, labels: {}, ...changes }
  const state = openRun(run as unknown as RunView)
  renderPage(() => <RunInspector state={state} patches={[]} />, '/')
}

it('fetches large outputs by name, beside those that stand inline', async () => {
  const seen = serve({ [`/blobs/${encodeURIComponent(DIGEST)}`]: () => ['<b>many</b>', 'rows'] })
  const ref = { $cas: DIGEST, size_bytes: 70_000 }
  show({ outputs: { count: 2 }, outputs_ref: { rows: ref } })
  expect(await screen.findByRole('region', { name: 'rows' })).toHaveTextContent('<b>many</b>')
  expect(screen.getByRole('region', { name: 'Outputs' })).toHaveTextContent('count:2')
  expect(seen).toHaveLength(1)
})

it('loads what is very large only when somebody asks for it', async () => {
  const seen = serve({ [`/blobs/${encodeURIComponent(HUGE)}`]: () => 'much text' })
  show({ outputs_ref: { all: { $cas: HUGE, size_bytes: 9_000_000 } } })
  const load = await screen.findByRole('button', { name: 'Load 9.0 MB' })
  expect(seen).toHaveLength(0)
  await userEvent.click(load)
  expect(await screen.findByText('much text')).toBeVisible()
})

it('fetches inputs that were too large to stand inline', async () => {
  serve({ [`/blobs/${encodeURIComponent(DIGEST)}`]: () => ({ text: 'long' }) })
  show({ inputs: null, inputs_ref: { $cas: DIGEST, size_bytes: 70_000 } })
  const inputs = await screen.findByRole('region', { name: 'Inputs' })
  expect(within(inputs).getByText('long')).toBeVisible()
})
