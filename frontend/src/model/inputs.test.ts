import { expect, it } from 'vitest'
import { inputsAsked, parseInputs } from './inputs'

it('asks by the shape of the schema', () => {
  expect(inputsAsked({}).kind).toBe('none')
  expect(inputsAsked({ inputs: { type: 'object', properties: {} } }).kind).toBe('none')
  expect(inputsAsked({ inputs: { properties: { a: true } } }).kind).toBe('form')
  expect(inputsAsked({ inputs: { type: 'object' } }).kind).toBe('json')
  expect(inputsAsked({ inputs: true })).toEqual({ kind: 'json', schema: null })
})

it.each([
  ['', {}],
  ['{"a": 1}', { a: 1 }],
  ['[1]', null],
  ['null', null],
  ['{', null],
])('reads %j', (source, value) => {
  expect(parseInputs(source)).toEqual(value)
})
