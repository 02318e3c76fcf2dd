// References between nodes: `nodes.<id>` in templates and conditions. Only the plain form is
// followed; what an expression computes (`nodes[name]`) or quotes as text stays as it was.
import type { DocumentEdge, DocumentNode, EdgeLoop, Json, WorkflowDocument } from './document'

// Strings of the expression language are passed over, then names; `x.nodes.y` is no reference.
const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<![\w.])nodes\s*\.\s*([A-Za-z_]\w*)/g

/** Rename in an expression. */
export function renameInExpression(expression: string, from: string, to: string): string {
  return expression.replace(TOKEN, (whole, id: string | undefined) =>
    id === from ? whole.slice(0, whole.length - from.length) + to : whole,
  )
}

/** Rename inside each `${...}` of a text; `$${` is no template and stays. */
export function renameInTemplate(text: string, from: string, to: string): string {
  let out = ''
  let at = 0
  while (at < text.length) {
    if (text.startsWith('$${', at)) {
      out += '$${'
      at += 3
    } else if (text.startsWith('${', at)) {
      const end = endOfExpression(text, at + 2)
      out += `\${${renameInExpression(text.slice(at + 2, end), from, to)}`
      at = end
    } else {
      out += text.charAt(at)
      at += 1
    }
  }
  return out
}

/** The index of the brace that closes the expression at `start`, or the end of the text. */
function endOfExpression(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    const char = text.charAt(at)
    if (char === '"' || char === "'") at = endOfString(text, at)
    else if (char === '{') depth += 1
    else if (char === '}') {
      if (depth === 0) return at
      depth -= 1
    }
  }
  return text.length
}

function endOfString(text: string, start: number): number {
  const quote = text.charAt(start)
  for (let at = start + 1; at < text.length; at += 1) {
    if (text.charAt(at) === '\\') at += 1
    else if (text.charAt(at) === quote) return at
  }
  return text.length
}

/** Rename in every text of a value; what does not change stays the same object. */
export function renameInValue<T extends Json | undefined>(value: T, from: string, to: string): T {
  if (typeof value === 'string') return renameInTemplate(value, from, to) as T
  if (Array.isArray(value)) {
    const next = value.map((each) => renameInValue(each, from, to))
    return next.every((each, index) => each === value[index]) ? value : (next as unknown as T)
  }
  if (typeof value !== 'object' || value === null || value === undefined) return value
  const fields = Object.entries(value).map(([key, each]) => [key, renameInValue(each, from, to)])
  const isSame = fields.every(([key, each]) => value[key as string] === each)
  return isSame ? value : Object.fromEntries(fields)
}

function renameInNode(node: DocumentNode, from: string, to: string): DocumentNode {
  const id = node.id === from ? to : node.id
  let config = renameInValue(node.config, from, to)
  const when = node.when === undefined ? undefined : renameInExpression(node.when, from, to)
  const compensate = node.compensate === from ? to : node.compensate
  if (node.type === 'branch' && config !== undefined && Array.isArray(config.cases)) {
    config = { ...config, cases: config.cases.map((each) => renameInCase(each, from, to)) }
  }
  if (node.type === 'map' && typeof config?.items === 'string') {
    const items = renameInExpression(config.items, from, to)
    if (items !== config.items) config = { ...config, items }
  }
  const isSame =
    id === node.id && config === node.config && when === node.when && compensate === node.compensate
  if (isSame) return node
  return {
    ...node,
    id,
    ...(config === undefined ? {} : { config }),
    ...(when === undefined ? {} : { when }),
    ...(compensate === undefined ? {} : { compensate }),
  }
}

/** Cases of a branch hold bare expressions, no templates. */
function renameInCase(value: Json, from: string, to: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if (typeof value.when !== 'string') return value
  return { ...value, when: renameInExpression(value.when, from, to) }
}

function renameInEdge(edge: DocumentEdge, from: string, to: string): DocumentEdge {
  const when = edge.when === undefined ? undefined : renameInExpression(edge.when, from, to)
  const loop = renameInLoop(edge.loop, from, to)
  if (edge.from !== from && edge.to !== from && when === edge.when && loop === edge.loop)
    return edge
  return {
    ...edge,
    from: edge.from === from ? to : edge.from,
    to: edge.to === from ? to : edge.to,
    ...(when === undefined ? {} : { when }),
    ...(loop === undefined ? {} : { loop }),
  }
}

function renameInLoop(loop: EdgeLoop | undefined, from: string, to: string): EdgeLoop | undefined {
  if (typeof loop?.while !== 'string') return loop
  const renamed = renameInExpression(loop.while, from, to)
  return renamed === loop.while ? loop : { ...loop, while: renamed }
}

/** Give the node `from` the id `to`, wherever it is named. `to` must be free. */
export function renameNode(document: WorkflowDocument, from: string, to: string): WorkflowDocument {
  const outputs = renameInValue(document.outputs, from, to)
  return {
    ...document,
    nodes: document.nodes.map((node) => renameInNode(node, from, to)),
    edges: document.edges.map((edge) => renameInEdge(edge, from, to)),
    ...(outputs === undefined ? {} : { outputs }),
  }
}
