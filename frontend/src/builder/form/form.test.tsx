import { render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useState } from 'react'
import { describe, expect, it, vi } from 'vitest'
import type { JsonObject } from '@/model/document'
import { ConfigForm } from './ConfigForm'
import { readAny, writeAny } from './fields'
import { formSchema } from './formSchema'

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
