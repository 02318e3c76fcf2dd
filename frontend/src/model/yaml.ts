// Documents as text. The rules are the server's: YAML 1.2 without anchors, aliases and tags.
import { isMap, isScalar, LineCounter, parseDocument, type Scalar, stringify, visit } from 'yaml'
import { type Json, NotDrawable, readDocument, type WorkflowDocument } from './document'

export interface TextFault {
  message: string
  /** Where it begins, as an offset into the text. */
  offset: number
  /** Counted from 1. */
  line: number
  column: number
}

export type Reading = { document: WorkflowDocument } | { faults: TextFault[] }

/** Read what a person wrote; every fault has its place. Nothing is guessed. */
export function fromYaml(text: string): Reading {
  return read(text, (value) => ({ document: readDocument(value) }))
}

/** Any value under the rules of documents. */
export function valueFromYaml(text: string): { value: Json } | { faults: TextFault[] } {
  return read(text, (value) => ({ value: value as Json }))
}

function read<T extends object>(
  text: string,
  finish: (value: unknown) => T,
): T | { faults: TextFault[] } {
  const lines = new LineCounter()
  const parsed = parseDocument(text, {
    version: '1.2',
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    intAsBigInt: true,
  })
  const fault = (message: string, offset: number): TextFault => {
    const { line, col } = lines.linePos(offset)
    return { message, offset, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const wrong = parsed.errors.map((error) => fault(error.message, error.pos[0]))
  if (wrong.length === 0) wrong.push(...refused(parsed, fault))
  if (wrong.length > 0) return { faults: wrong }
  try {
    return finish(parsed.toJS({ maxAliasCount: 0 }))
  } catch (error) {
    if (!(error instanceof NotDrawable)) throw error
    return { faults: [fault(error.message, offsetOf(parsed, error.path))] }
  }
}

/** What YAML has and documents have not; integers become plain numbers on the way. */
function refused(
  parsed: ReturnType<typeof parseDocument>,
  fault: (message: string, offset: number) => TextFault,
): TextFault[] {
  const found: TextFault[] = []
  visit(parsed, {
    Alias: (_, node) => {
      found.push(fault('Aliases are not allowed here', node.range?.[0] ?? 0))
    },
    Node: (_, node) => {
      const at = node.range?.[0] ?? 0
      if ('anchor' in node && node.anchor) found.push(fault('Anchors are not allowed here', at))
      if (node.tag) found.push(fault('Tags are not allowed here', at))
      if (isScalar(node)) found.push(...number(node, (message) => fault(message, at)))
    },
  })
  return found
}

function number(node: Scalar, fault: (message: string) => TextFault): TextFault[] {
  if (typeof node.value === 'number' && !Number.isFinite(node.value)) {
    return [fault('Infinite numbers are not allowed')]
  }
  if (typeof node.value !== 'bigint') return []
  const plain = Number(node.value)
  if (!Number.isSafeInteger(plain)) {
    return [fault('A browser cannot keep this integer exactly: write it as text in quotes')]
  }
  node.value = plain
  return []
}

/** Where the value at a JSON Pointer begins; its nearest parent if it is missing. */
function offsetOf(parsed: ReturnType<typeof parseDocument>, path: string): number {
  const keys = splitPointer(path)
  for (let length = keys.length; length >= 0; length -= 1) {
    const node = length === 0 ? parsed.contents : parsed.getIn(keys.slice(0, length), true)
    const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range
    if (range) return range[0]
  }
  return 0
}

export function splitPointer(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The offset in `text` of what a JSON Pointer names, 0 if the text cannot be read. */
export function findInYaml(text: string, path: string): number {
  return offsetOf(parseDocument(text, { prettyErrors: false, uniqueKeys: false }), path)
}

/** A part of a document as a person would write it. */
export function valueToYaml(value: Json): string {
  return stringify(value, { lineWidth: 80, aliasDuplicateObjects: false })
}

/** The document as a person would write it: places and edges on one line each. */
export function toYaml(document: WorkflowDocument): string {
  return stringify(parseable(document), { lineWidth: 100, aliasDuplicateObjects: false })
}

function parseable(document: WorkflowDocument) {
  const made = parseDocument('{}')
  made.contents = made.createNode(document, { aliasDuplicateObjects: false }) as never
  visit(made, {
    Pair: (_, pair) => {
      if (isScalar(pair.key) && pair.key.value === 'ui' && isMap(pair.value)) pair.value.flow = true
    },
  })
  return made
}
