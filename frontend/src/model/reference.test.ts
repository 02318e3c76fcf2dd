import { expect, it } from 'vitest'
import { formatSize, readReference, readReferences } from './reference'

it('reads references by name, and nothing else', () => {
  const ref = { $cas: 'sha256:aa', size_bytes: 70_000 }
  expect(readReference(ref)).toEqual({ digest: 'sha256:aa', sizeBytes: 70_000 })
  expect(readReferences({ big: ref, odd: 'x', none: null })).toEqual([
    ['big', { digest: 'sha256:aa', sizeBytes: 70_000 }],
  ])
  for (const other of [null, 'sha256:aa', { digest: 'sha256:aa' }, 7]) {
    expect(readReference(other)).toBeNull()
    expect(readReferences(other)).toEqual([])
  }
})

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [70_000, '70 kB'],
  [3_440_000, '3.4 MB'],
])('says %d bytes as %s', (bytes, said) => {
  expect(formatSize(bytes)).toBe(said)
})
