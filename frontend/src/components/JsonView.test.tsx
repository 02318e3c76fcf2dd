import { render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import { JsonView } from './JsonView'

it('shows nasty strings as text', () => {
  const nasty = '<img src=x onerror=alert(1)>\u202Egnp'
  const { container } = render(<JsonView label="Output" value={{ [nasty]: nasty }} />)
  expect(screen.getByText(nasty)).toBeInTheDocument()
  expect(container.querySelector('img')).toBeNull()
})

it('opens deep and long values on demand', async () => {
  const person = userEvent.setup()
  const long = Array.from({ length: 150 }, (_, at) => `item ${at}`)
  render(<JsonView label="Output" value={{ a: { b: { deep: 1 } }, long }} />)
  expect(screen.queryByText('deep:')).toBeNull()
  await person.click(screen.getByText('b:'))
  expect(screen.getByText('deep:')).toBeInTheDocument()
  expect(screen.queryByText('item 149')).toBeNull()
  await person.click(screen.getByText('50 more'))
  expect(screen.getByText('item 149')).toBeInTheDocument()
})
