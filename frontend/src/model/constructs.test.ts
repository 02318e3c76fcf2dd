import { describe, expect, it } from 'vitest'
import { compensatorsFor, undoneBy } from './compensation'
import { type DocumentNode, readDocument, type WorkflowDocument } from './document'
import { applyEdit } from './edits'
import { layout } from './layout'
import { loopLine } from './loopPath'
import { loopsAround, loopsOf } from './loops'
import { portsOf, whyNotConnect } from './ports'
import { fromYaml, toYaml } from './yaml'

const LOOP = { while: 'nodes.b.output < 3', max_iterations: 5 }
const NO_KIND = () => undefined

function flow(
  edges: (readonly [string, string] | readonly [string, string, 'loop'])[],
  more: Partial<DocumentNode>[] = [],
): WorkflowDocument {
  const ids = [...new Set(edges.flatMap((edge) => edge.slice(0, 2)))]
  return {
    apiVersion: 'minuet/v1',
    name: 'test',
    nodes: [
      ...ids.map((id) => ({ id, type: 'transform' })),
      ...more.map((each) => ({ id: 'x', type: 'transform', ...each })),
    ],
    edges: edges.map(([from, to, kind]) => ({ from, to, ...(kind ? { loop: LOOP } : {}) })),
  }
}

const NESTED = flow([
  ['a', 'b'],
  ['b', 'c'],
  ['b', 'd'],
  ['c', 'e'],
  ['d', 'e'],
  ['e', 'f'],
  ['e', 'b', 'loop'],
  ['f', 'a', 'loop'],
])

describe('loops', () => {
  it('run again what lies between their ends, branches included', () => {
    const [inner, outer] = loopsOf(NESTED)
    expect([...(inner?.body ?? [])].sort()).toEqual(['b', 'c', 'd', 'e'])
    expect([...(outer?.body ?? [])].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(loopsAround(loopsOf(NESTED), 'c').map(({ from }) => from)).toEqual(['f', 'e'])
    expect(loopsOf(NESTED).map(({ level }) => level)).toEqual([0, 1])
  })

  it('may hold a single step', () => {
    const [only] = loopsOf(
      flow([
        ['a', 'b'],
        ['b', 'b', 'loop'],
        ['b', 'c'],
      ]),
    )
    expect([...(only?.body ?? [])]).toEqual(['b'])
  })

  it('are made of connections that lead back, one for each step', () => {
    const start = flow([
      ['a', 'b'],
      ['b', 'c'],
    ])
    const back = { from: 'c', to: 'a', on: 'success' }
    expect(whyNotConnect(start, back)).toBe('cycle')
    expect(applyEdit(start, { kind: 'connect', ...back })).toBe(start)
    const looped = applyEdit(start, { kind: 'connect', ...back, loop: LOOP })
    expect(looped.edges.at(-1)).toEqual({ from: 'c', to: 'a', loop: LOOP })
    expect(whyNotConnect(looped, { from: 'c', to: 'b', on: 'success' })).toBe('shared')
    expect(whyNotConnect(looped, { from: 'a', to: 'c', on: 'success' })).toBeNull()
    const forward = { kind: 'connect', from: 'a', to: 'c', on: 'error', loop: LOOP } as const
    expect(applyEdit(looped, forward)).toBe(looped)
    const unlooped = { kind: 'set_edge', index: 2, fields: { loop: undefined } } as const
    expect(applyEdit(looped, unlooped)).toBe(looped)
  })

  it('give their step a port for when they are used up', () => {
    const node = { id: 'a', type: 'hitl' }
    expect(portsOf(node, undefined, [], true).trouble).toEqual(['timeout', 'error', 'exhausted'])
    expect(portsOf(node, undefined, ['exhausted'], true).trouble).toHaveLength(3)
    expect(portsOf(node, undefined, []).trouble).not.toContain('exhausted')
  })

  it('do not move anything', () => {
    const without = { ...NESTED, edges: NESTED.edges.filter(({ loop }) => !loop) }
    expect(layout(NESTED, NO_KIND)).toEqual(layout(without, NO_KIND))
  })

  it('follow when a step is renamed', () => {
    const renamed = applyEdit(NESTED, { kind: 'rename_node', id: 'b', to: 'check' })
    const loops = renamed.edges.flatMap(({ to, loop }) => (loop ? [[to, loop.while]] : []))
    expect(loops).toEqual([
      ['check', 'nodes.check.output < 3'],
      ['a', 'nodes.check.output < 3'],
    ])
  })

  it('are drawn around, never across', () => {
    const { path, label } = loopLine({ x: 200, y: 100 }, { x: 0, y: 60 }, -20, 0, 'right')
    expect(path).toMatch(/^M200,100 .*0,60$/)
    expect(label).toEqual({ x: 100, y: -20 })
    const down = loopLine({ x: 50, y: 200 }, { x: 50, y: 0 }, -30, 1, 'down')
    expect(down.path).toMatch(/^M50,200 .*50,0$/)
    expect(down.label).toEqual({ x: -30, y: 100 })
  })
})

describe('compensation', () => {
  const chain = [
    ['a', 'b'],
    ['b', 'c'],
  ] as const
  const start = flow([...chain], [{ id: 'undo_a' }, { id: 'undo_b' }])
  const set = applyEdit(start, { kind: 'set_node', id: 'a', fields: { compensate: 'undo_a' } })

  it('is offered by steps without connections that undo nothing yet', () => {
    const b = set.nodes.find(({ id }) => id === 'b') as DocumentNode
    expect(compensatorsFor(set, b).map(({ id }) => id)).toEqual(['undo_b'])
    expect(undoneBy(set).get('undo_a')?.id).toBe('a')
  })

  it('follows a new name, ends with its step, and is copied with it', () => {
    const renamed = applyEdit(set, { kind: 'rename_node', id: 'undo_a', to: 'refund' })
    expect(renamed.nodes[0]).toMatchObject({ compensate: 'refund' })
    const removed = applyEdit(set, { kind: 'remove', nodes: ['undo_a'], edges: [] })
    expect(removed.nodes[0]).not.toHaveProperty('compensate')
    const offset = { x: 0, y: 0 }
    const both = applyEdit(set, { kind: 'duplicate', nodes: ['a', 'undo_a'], offset })
    expect(both.nodes.find(({ id }) => id === 'a_2')?.compensate).toBe('undo_a_2')
    const one = applyEdit(set, { kind: 'duplicate', nodes: ['a'], offset })
    expect(one.nodes.find(({ id }) => id === 'a_2')).not.toHaveProperty('compensate')
  })

  it('stands right below what it undoes, and leaves the others in line', () => {
    const places = layout(set, NO_KIND)
    const [a, undo] = [places.get('a'), places.get('undo_a')]
    expect(undo?.x).toBe(a?.x)
    expect(undo?.y).toBe((a?.y ?? 0) + 100)
    expect(['b', 'c'].map((id) => places.get(id)?.y)).toEqual([a?.y, a?.y])
  })
})

it('keeps every construct through YAML', () => {
  const document: WorkflowDocument = {
    ...NESTED,
    nodes: [
      ...NESTED.nodes,
      { id: 'pay', type: 'http', when: 'inputs.pays', compensate: 'refund', on_error: 'continue' },
      { id: 'refund', type: 'http' },
      { id: 'each', type: 'map', config: { items: 'inputs.all', run: { nodes: [{ id: 'x' }] } } },
      { id: 'sub', type: 'workflow', config: { name: 'other', version: 2, inputs: { a: 1 } } },
      { id: 'paid', type: 'wait', config: { message: 'paid', timeout: '1d' } },
    ],
    settings: { compensate_on: ['failed'], priority: 7, max_parallel: 3, deadline: '1h' },
    concurrency: { key: 'K', limit: 2, on_limit: 'cancel_oldest' },
  }
  expect(fromYaml(toYaml(document))).toEqual({ document })
  expect(() => readDocument({ ...document, edges: [{ from: 'a', to: 'b', loop: 1 }] })).toThrow(
    "'loop' is a mapping",
  )
})
