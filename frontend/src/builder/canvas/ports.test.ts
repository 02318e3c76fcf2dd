import { expect, it } from 'vitest'
import { heightOf } from '@/model/layout'
import { handlesOf } from './ports'

it('names a place for every port, those of ways out one below the other', () => {
  const ports = { main: ['approved', 'rejected'], trouble: ['timeout', 'error'] }
  const height = heightOf(2)
  const handles = handlesOf(ports, height)
  expect(handles.map(({ type, id }) => `${type} ${id ?? ''}`)).toEqual([
    'target ',
    'source approved',
    'source rejected',
    'source timeout',
    'source error',
  ])
  const [approved, rejected] = handles.slice(1, 3)
  expect(rejected?.x).toBe(approved?.x)
  expect(rejected?.y).toBeGreaterThan((approved?.y ?? 0) + 11)
  expect((rejected?.y ?? 0) + 11).toBeLessThan(height)
})
