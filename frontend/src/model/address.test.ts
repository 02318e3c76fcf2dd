import { expect, it } from 'vitest'
import { takeKey } from './address'

it.each([
  ['#key=mnt_a-b', { key: 'mnt_a-b', rest: '' }],
  ['#key=a&view=yaml', { key: 'a', rest: '#view=yaml' }],
  ['#key=', { key: null, rest: '#key=' }],
  ['#node=key', { key: null, rest: '#node=key' }],
  ['', { key: null, rest: '' }],
])('takes the key out of %j', (hash, taken) => {
  expect(takeKey(hash)).toEqual(taken)
})
