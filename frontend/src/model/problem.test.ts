import { expect, it } from 'vitest'
import { readProblem, unreachable } from './problem'

it('reads a problem document with its faults', () => {
  const problem = readProblem(
    {
      type: '/problems/invalid-inputs',
      title: 'The inputs miss the workflow’s schema',
      status: 422,
      detail: '1 fault',
      errors: [{ detail: 'too short', pointer: '/inputs/domain' }, 'noise'],
    },
    422,
    '',
  )
  expect(problem.slug).toBe('invalid-inputs')
  expect(problem.message).toBe('1 fault')
  expect(problem.document.errors).toEqual([
    { detail: 'too short', pointer: '/inputs/domain', parameter: null },
  ])
  expect(problem.isPassing).toBe(false)
})

it.each([undefined, null, '<html>', [], { title: 7 }])('makes one of %j', (body) => {
  const problem = readProblem(body, 502, 'Bad Gateway')
  expect(problem.document).toMatchObject({ title: 'Bad Gateway', status: 502, errors: [] })
  expect(problem.isPassing).toBe(true)
})

it('calls an absent server passing', () => {
  expect(unreachable('away').isPassing).toBe(true)
})
