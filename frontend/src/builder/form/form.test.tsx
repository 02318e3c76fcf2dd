import { render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useState } from 'react'
import { describe, expect, it, vi } from 'vitest'
import type { JsonObject } from '@/model/document'
import { AlternativeForm } from './AlternativeForm'
import { ConfigForm } from './ConfigForm'
import { readAny, writeAny } from './fields'
import { formSchema } from './formSchema'
import { OWN_FIELDS } from './ownFields'

const SCHEMA = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', title: 'Name' },
    turns: { type: 'integer', title: 'Turns', default: 10 },
    default: { type: 'boolean', title: 'Default' },
  },
} as const

function Held({ onSeen }: { onSeen: (value: JsonObject) => void }) {
  const [value, setValue] = useState<JsonObject>({ name: 'x' })
  const change = (next: JsonObject): void => {
    onSeen(next)
    setValue(next)
  }
  return (
    <ConfigForm
      schema={SCHEMA as never}
      value={value}
      faults={[{ path: ['name'], message: 'too short' }]}
      onChange={change}
      idPrefix="t"
    />
  )
}

const WAIT = {
  type: 'object',
  oneOf: [{ required: ['for'] }, { required: ['until'] }, { required: ['message'] }],
  dependentRequired: { timeout: ['message'] },
  properties: Object.fromEntries(
    ['for', 'until', 'message', 'timeout'].map((name) => [name, { type: 'string', title: name }]),
  ),
}

function Waiting({ onSeen }: { onSeen: (value: JsonObject) => void }) {
  const [value, setValue] = useState<JsonObject>({ for: '1m' })
  const change = (next: JsonObject): void => {
    onSeen(next)
    setValue(next)
  }
  const form = { value, faults: [], onChange: change, idPrefix: 'w' }
  return <AlternativeForm {...form} schema={WAIT as never} />
}

describe('alternatives', () => {
  it('are asked for first; only what belongs to the chosen one is kept and shown', async () => {
    const seen = vi.fn()
    const user = userEvent.setup()
    render(<Waiting onSeen={seen} />)
    expect(screen.getByLabelText(/^for/)).toHaveValue('1m')
    expect(screen.queryByLabelText(/^timeout/)).not.toBeInTheDocument()
    await user.selectOptions(screen.getByLabelText('Waits'), 'message')
    expect(seen).toHaveBeenLastCalledWith({ message: '' })
    await user.click(screen.getByLabelText(/^message/))
    await user.paste('paid')
    await user.click(screen.getByLabelText(/^timeout/))
    await user.paste('1d')
    expect(seen).toHaveBeenLastCalledWith({ message: 'paid', timeout: '1d' })
    await user.selectOptions(screen.getByLabelText('Waits'), 'for')
    expect(seen).toHaveBeenLastCalledWith({ for: '' })
  })
})

const STEPS = { nodes: [{ id: 'x', type: 'transform' }], outputs: 1 }
const OR_TEXT = { oneOf: [{ enum: ['fail', 'collect'] }, { type: 'object' }] }
const MAP = {
  type: 'object',
  required: ['run'],
  properties: {
    run: {
      title: 'Run',
      type: 'object',
      oneOf: [{ required: ['nodes'] }, { required: ['workflow'] }],
      properties: { nodes: { type: 'array', items: { type: 'object' } }, workflow: {} },
    },
    on_item_error: { title: 'On item error', ...OR_TEXT },
  },
}

it('writes the steps of a map as YAML, once, with what the compiler says of them', async () => {
  const seen = vi.fn()
  const user = userEvent.setup()
  const faults = [{ path: ['run', 'nodes', '0', 'config'], message: 'no value' }]
  const form = { value: { run: STEPS, on_item_error: { tolerate: 2 } }, faults, onChange: seen }
  render(
    <ConfigForm {...form} schema={MAP as never} idPrefix="m" fields={OWN_FIELDS.map as never} />,
  )
  expect(screen.getByText('nodes/0/config: no value')).toBeInTheDocument()
  expect(screen.getByLabelText('How many items may fail')).toHaveValue('2')
  const steps = screen.getByLabelText('Steps (YAML)')
  await user.clear(steps)
  await user.click(steps)
  await user.paste('nodes: [')
  expect(seen).not.toHaveBeenCalled()
  await user.clear(steps)
  await user.click(steps)
  await user.paste('nodes: [{id: y, type: http}]')
  expect(seen).toHaveBeenLastCalledWith({
    run: { nodes: [{ id: 'y', type: 'http' }] },
    on_item_error: { tolerate: 2 },
  })
})

describe('any value', () => {
  it.each([1, null, true, 'a', ' a ', '12', '"a"', '{a', '[1]', 'null', { a: [1] }])(
    'reads what it wrote: %j',
    (value) => expect(readAny(writeAny(value))).toEqual({ value }),
  )

  it('takes nothing that begins like JSON for a text', () => {
    expect(readAny('{"a": ')).toEqual({ fault: true })
  })
})

describe('forms', () => {
  it('lose defaults but not a field of that name', () => {
    const { schema, uiSchema } = formSchema(SCHEMA as never)
    expect(schema.properties?.turns).toEqual({ type: 'integer', title: 'Turns' })
    expect(Object.keys(schema.properties ?? {})).toContain('default')
    expect(uiSchema.turns?.['ui:placeholder']).toBe('10')
  })

  it('switch a number to an expression, and write nothing that nobody chose', async () => {
    const seen = vi.fn()
    const user = userEvent.setup()
    render(<Held onSeen={seen} />)
    expect(screen.getByText('too short')).toBeInTheDocument()
    await user.click(screen.getByText('Options (2)'))
    const [first] = screen.getAllByRole('button', { name: 'Write an expression instead' })
    await user.click(first as HTMLElement)
    await user.click(screen.getByLabelText('Turns'))
    await user.paste(`$\{inputs.turns}`)
    expect(seen).toHaveBeenLastCalledWith({ name: 'x', turns: `$\{inputs.turns}` })
  })
})
