import { describe, expect, it } from 'vitest'
import {
  type DocumentNode,
  hasTemplate,
  NotDrawable,
  readDocument,
  type WorkflowDocument,
} from './document'
import { applyEdit, type Edit, newNode } from './edits'
import { record, redo, startHistory, undo } from './history'
import { layout, placed } from './layout'
import { portsOf, whyNotConnect } from './ports'
import { renameInExpression, renameInTemplate } from './references'
import { fromYaml, toYaml } from './yaml'

const NOTHING = () => undefined
const NASTY = [
  '__proto__',
  'constructor',
  '"; --',
  '<script>alert(1)</script>',
  '${',
  '$${',
  '😀\u202e',
  'on',
  'yes',
  '2020-01-01',
  '0x1F',
  '1e3',
  '~',
  '&a *b !!c',
  ' lead',
  'a\nb\n',
]

/** A small generator with a seed, so that a failure can be seen again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function step(id: string, more: Partial<DocumentNode> = {}): DocumentNode {
  return { id, type: 'transform', ui: { x: 0, y: 0 }, ...more }
}

function flow(ids: string[], edges: [string, string][] = []): WorkflowDocument {
  return {
    apiVersion: 'minuet/v1',
    name: 'test',
    nodes: ids.map((id) => step(id)),
    edges: edges.map(([from, to]) => ({ from, to })),
  }
}

const LOOP = { while: 'output < 3', max_iterations: 5 }

function anyEdit(document: WorkflowDocument, next: () => number): Edit {
  const pick = <T>(items: T[]): T => items[Math.floor(next() * items.length)] as T
  const id = document.nodes.length > 0 ? pick(document.nodes).id : 'none'
  const other = document.nodes.length > 0 ? pick(document.nodes).id : 'none'
  const index = Math.floor(next() * (document.edges.length + 1))
  const place = { x: Math.floor(next() * 900), y: Math.floor(next() * 900) }
  const edits: Edit[] = [
    { kind: 'add_node', node: newNode(document, pick(['http', 'branch', 'hitl', 'x.y']), place) },
    { kind: 'add_node', node: newNode(document, 'wait', place), after: { from: id, on: 'error' } },
    { kind: 'add_node', node: step(id) },
    { kind: 'connect', from: id, to: other, on: pick(['success', 'error', 'approved']) },
    { kind: 'connect', from: id, to: other, on: 'success' },
    { kind: 'connect', from: id, to: other, on: 'success', loop: LOOP },
    { kind: 'set_edge', index, fields: { loop: next() < 0.5 ? undefined : LOOP } },
    { kind: 'set_node', id, fields: { compensate: other } },
    { kind: 'remove', nodes: next() < 0.3 ? [id] : [], edges: [index] },
    { kind: 'move', places: new Map([[id, place]]) },
    { kind: 'set_node', id, fields: { title: pick(NASTY), config: { value: pick(NASTY) } } },
    { kind: 'set_node', id, fields: { title: undefined } },
    { kind: 'rename_node', id, to: pick(['a', 'b_2', other, 'IN VALID', 'in']) },
    { kind: 'duplicate', nodes: [id, other], offset: { x: 20, y: 20 } },
    { kind: 'set_edge', index, fields: { when: `nodes.${id}.output == 1` } },
    { kind: 'set_document', fields: { title: pick(NASTY) } },
  ]
  return pick(edits)
}

function isSound(document: WorkflowDocument): void {
  const ids = new Set(document.nodes.map(({ id }) => id))
  for (const { compensate } of document.nodes) {
    if (compensate !== undefined) expect(ids).toContain(compensate)
  }
  // Throws on repeated ids and edges that end nowhere.
  readDocument(JSON.parse(JSON.stringify(document)))
  for (const { from, to, loop } of document.edges) {
    const without = {
      ...document,
      edges: document.edges.filter((e) => e.from !== from || e.to !== to),
    }
    const refusal = whyNotConnect(without, { from, to, on: 'success' })
    // A loop whose way was taken away leads nowhere back: the compiler says so.
    if (!loop) expect(refusal).toBeNull()
  }
}

describe('edits', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'random edits keep the document sound, undo is exact (%i)',
    (seed) => {
      const next = random(seed)
      const seen: string[] = []
      let history = startHistory(flow([]))
      for (let count = 0; count < 120; count += 1) {
        const before = history.present
        const after = applyEdit(before, anyEdit(before, next))
        history = record(history, after, null, count)
        if (after !== before) seen.push(JSON.stringify(before))
      }
      isSound(history.present)
      const end = JSON.stringify(history.present)
      for (const expected of [...seen].reverse()) {
        history = undo(history)
        expect(JSON.stringify(history.present)).toBe(expected)
      }
      expect(undo(history)).toEqual(history)
      for (const _ of seen) history = redo(history)
      expect(JSON.stringify(history.present)).toBe(end)
    },
  )

  it('refuses edges to itself, cycles and duplicates', () => {
    const start = flow(
      ['a', 'b', 'c'],
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
    )
    for (const [from, to] of [
      ['a', 'a'],
      ['c', 'a'],
      ['a', 'b'],
    ] as const) {
      expect(applyEdit(start, { kind: 'connect', from, to, on: 'success' })).toBe(start)
    }
  })

  it('writes the port only where it is not the usual one', () => {
    const start = { ...flow(['a', 'b']), nodes: [step('a', { type: 'hitl' }), step('b')] }
    const usual = applyEdit(start, { kind: 'connect', from: 'a', to: 'b', on: 'approved' })
    expect(usual.edges).toEqual([{ from: 'a', to: 'b' }])
    const other = applyEdit(start, { kind: 'connect', from: 'a', to: 'b', on: 'rejected' })
    expect(other.edges).toEqual([{ from: 'a', to: 'b', on: 'rejected' }])
  })

  it('removes the edges of a removed node', () => {
    const start = flow(
      ['a', 'b', 'c'],
      [
        ['a', 'b'],
        ['b', 'c'],
        ['a', 'c'],
      ],
    )
    const { nodes, edges } = applyEdit(start, { kind: 'remove', nodes: ['b'], edges: [] })
    expect(nodes.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(edges).toEqual([{ from: 'a', to: 'c' }])
  })
})

describe('history', () => {
  it('joins typing in one field into one step, but not after a pause', () => {
    let history = startHistory('')
    history = record(history, 'a', 'field', 0)
    history = record(history, 'ab', 'field', 500)
    history = record(history, 'abc', 'field', 5_000)
    expect(undo(history).present).toBe('ab')
    expect(undo(undo(history)).present).toBe('')
  })
})

describe('renaming', () => {
  it('follows edges, conditions, templates, cases and outputs', () => {
    const start: WorkflowDocument = {
      ...flow(['a', 'b'], [['a', 'b']]),
      nodes: [
        step('a'),
        step('b', {
          type: 'branch',
          config: { cases: [{ when: 'nodes.a.output > 1', port: 'nodes.a' }], default: 'x' },
        }),
        step('c', { config: { value: ['${nodes.a.output} and $${nodes.a}', { n: 'nodes.a' }] } }),
      ],
      edges: [{ from: 'a', to: 'b', when: 'nodes.a.output.b == "nodes.a"' }],
      outputs: { all: '${nodes.a.output}' },
    }
    const done = applyEdit(start, { kind: 'rename_node', id: 'a', to: 'first' })
    expect(done.edges).toEqual([
      { from: 'first', to: 'b', when: 'nodes.first.output.b == "nodes.a"' },
    ])
    expect(done.nodes[1]?.config?.cases).toEqual([
      { when: 'nodes.first.output > 1', port: 'nodes.a' },
    ])
    expect(done.nodes[2]?.config?.value).toEqual([
      '${nodes.first.output} and $${nodes.a}',
      { n: 'nodes.a' },
    ])
    expect(done.outputs).toEqual({ all: '${nodes.first.output}' })
    expect(applyEdit(done, { kind: 'rename_node', id: 'first', to: 'a' })).toEqual(start)
  })

  it('leaves longer names, members and texts alone', () => {
    expect(renameInExpression('nodes.ab + x.nodes.a + nodes.a', 'a', 'z')).toBe(
      'nodes.ab + x.nodes.a + nodes.z',
    )
    expect(renameInTemplate('${{"k": "}"}.k + nodes.a} nodes.a', 'a', 'z')).toBe(
      '${{"k": "}"}.k + nodes.z} nodes.a',
    )
  })

  it('refuses ids that are taken or not allowed', () => {
    const start = flow(['a', 'b'])
    for (const to of ['b', 'Bad', 'in', '']) {
      expect(applyEdit(start, { kind: 'rename_node', id: 'a', to })).toBe(start)
    }
  })
})

describe('text', () => {
  it('comes back as it was, nasty strings included', () => {
    const config = Object.fromEntries(
      NASTY.map((text, index) => [text, [text, index, { [text]: null }]]),
    )
    const document = {
      ...flow(['a', 'b'], [['a', 'b']]),
      description: NASTY.join('\n'),
      nodes: [step('a', { config, ui: { x: 1.5, y: -20 } }), step('b', { join: 2 })],
      edges: [{ from: 'a', to: 'b', on: 'error' }],
    }
    expect(fromYaml(toYaml(document))).toEqual({ document })
  })

  it.each([1, 2, 3])('comes back after random edits (%i)', (seed) => {
    const next = random(seed)
    let document = flow([])
    for (let count = 0; count < 80; count += 1)
      document = applyEdit(document, anyEdit(document, next))
    expect(fromYaml(toYaml(document))).toEqual({ document })
  })

  it.each([
    ['name: a\nnodes: [', 2],
    ['name: a\nname: b', 2],
    ['name: a\nnodes:\n  - &x {id: a, type: wait}', 3],
    ['name: a\nnodes:\n  - {id: a, type: wait}\n  - {id: a, type: wait}', 4],
    ['name: a\nnodes: []\nedges:\n  - {from: x, to: y}', 4],
    ['name: a\nnodes: []\nlabels: {n: 12345678901234567890}', 3],
    ['name: a\nnodes: []\nlabels: {n: .inf}', 3],
  ])('tells the line of a fault: %j', (text, line) => {
    const reading = fromYaml(text)
    expect('faults' in reading && reading.faults[0]?.line).toBe(line)
  })

  it('is refused where the canvas cannot draw it', () => {
    expect(() => readDocument({ name: 'a', nodes: [{ id: 1, type: 'x' }] })).toThrow(NotDrawable)
  })
})

describe('layout', () => {
  it('goes from left to right and keeps what was placed', () => {
    const start = flow(
      ['a', 'b', 'c'],
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
    )
    const places = layout(start, NOTHING)
    const [a, b, c] = ['a', 'b', 'c'].map((id) => places.get(id)?.x ?? Number.NaN)
    expect(a).toBeLessThan(b as number)
    expect(b).toBeLessThan(c as number)
    const half = {
      ...start,
      nodes: start.nodes.map(({ ui, ...n }) => (n.id === 'a' ? { ...n, ui } : n)),
    }
    const done = placed(half, NOTHING)
    expect(done.nodes[0]).toBe(half.nodes[0])
    expect(placed(done, NOTHING)).toBe(done)
  })

  it('places ten thousand nodes without two on one spot', () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => `n${index}`)
    const edges = ids
      .slice(1)
      .map((id, index) => [`n${Math.floor(index / 3)}`, id] as [string, string])
    const spots = [...layout(flow(ids, edges), NOTHING).values()].map(({ x, y }) => `${x} ${y}`)
    expect(new Set(spots).size).toBe(ids.length)
  })
})

describe('ports', () => {
  it('come from type, config and the edges that listen', () => {
    const branch = step('b', {
      type: 'branch',
      config: { cases: [{ when: 'true', port: 'large' }, 7], default: 'small' },
    })
    expect(portsOf(branch, { ports: null, inline: true }, ['gone'])).toEqual({
      main: ['large', 'small', 'gone'],
      trouble: ['error'],
    })
    expect(portsOf(step('h', { type: 'hitl' }), undefined, []).main).toEqual([
      'approved',
      'rejected',
    ])
    expect(portsOf(step('w', { type: 'mine' }), undefined, []).trouble).toEqual([
      'error',
      'timeout',
    ])
  })
})

describe('templates', () => {
  it('are told from escaped ones', () => {
    expect(['${a}', 'x ${a}', '$${a}', '$$${a}', 'a', 3].map(hasTemplate)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ])
  })
})
