import { describe, expect, it } from 'vitest'
import { faultsOf, isValid, type JsonSchema } from './formValidator'

const SCHEMA: JsonSchema = {
  type: 'object',
  required: ['domain'],
  additionalProperties: false,
  properties: {
    domain: { type: 'string', minLength: 3 },
    people: { type: 'array', items: { $ref: '#/$defs/person' } },
    pay: { oneOf: [{ type: 'number' }, { type: 'null' }] },
    'a/b ~': { type: 'integer' },
  },
  $defs: { person: { type: 'object', required: ['name'], properties: { age: { minimum: 0 } } } },
}

const places = (value: unknown): string[] =>
  faultsOf(SCHEMA, value).map(({ path, keyword }) => `${path.join('.')} ${keyword}`)

describe('faults of a form', () => {
  it('are none for what is valid', () => {
    expect(faultsOf(SCHEMA, { domain: 'a.example', people: [{ name: 'x' }], pay: null })).toEqual(
      [],
    )
  })

  it('stand where the value is, or where it is missing', () => {
    expect(places({})).toEqual(['domain required'])
    expect(places({ domain: 'a' })).toEqual(['domain minLength'])
    expect(places({ domain: 'abc', people: [{ name: 'x', age: -1 }, {}] })).toEqual([
      'people.0.age minimum',
      'people.1.name required',
    ])
  })

  it('name fields whatever their names are', () => {
    expect(faultsOf(SCHEMA, { domain: 'abc', 'a/b ~': 'x' })[0]?.path).toEqual(['a/b ~'])
    expect(faultsOf({ required: ['a"b".'] }, {})[0]?.path).toEqual(['a"b".'])
  })

  it('say one thing of a choice, not one a branch', () => {
    expect(places({ domain: 'abc', pay: 'x' })).toEqual(['pay oneOf'])
  })

  it('include what is not allowed', () => {
    expect(places({ domain: 'abc', more: 1 })).toEqual(['more false'])
  })

  it('leave schemas that cannot be read to the server', () => {
    expect(isValid({ $ref: 'https://example.com/none' }, 1)).toBe(true)
    expect(isValid({ pattern: '(' }, 'x')).toBe(true)
  })
})
