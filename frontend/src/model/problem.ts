// Problem documents (RFC 9457) as the API sends them, and what else can come instead.

export interface Fault {
  detail: string
  pointer?: string | null
  parameter?: string | null
}

/** What closed an approval, in a problem `already-decided`. */
export interface DecidedBy {
  status: string
  at: string | null
  by: string | null
  comment: string | null
}

export interface ProblemDocument {
  type: string
  title: string
  status: number
  detail: string
  errors: Fault[]
  run_status?: string | null
  incident?: string | null
  decided?: DecidedBy | null
}

/** Thrown by everything under src/api. `status` 0: the server was not reached. */
export class Problem extends Error {
  readonly document: ProblemDocument

  constructor(document: ProblemDocument) {
    super(document.detail || document.title)
    this.name = 'Problem'
    this.document = document
  }

  get status(): number {
    return this.document.status
  }

  /** The last part of its type: `not-found`, `invalid-document` ... */
  get slug(): string {
    return this.document.type.split('/').pop() ?? ''
  }

  /** It may go away by itself: the server, or one behind it, is not there now. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function faults(value: unknown): Fault[] {
  if (!Array.isArray(value)) return []
  return value.filter(isRecord).map((each) => ({
    detail: String(each.detail ?? ''),
    pointer: typeof each.pointer === 'string' ? each.pointer : null,
    parameter: typeof each.parameter === 'string' ? each.parameter : null,
  }))
}

function decidedBy(value: unknown): DecidedBy | null {
  if (!isRecord(value) || typeof value.status !== 'string') return null
  const text = (name: string): string | null => {
    const field = value[name]
    return typeof field === 'string' ? field : null
  }
  return { status: value.status, at: text('at'), by: text('by'), comment: text('comment') }
}

/** Read a body of an error answer; anything that is no problem document becomes one. */
export function readProblem(body: unknown, status: number, statusText: string): Problem {
  const known = isRecord(body) ? body : {}
  return new Problem({
    type: typeof known.type === 'string' ? known.type : 'about:blank',
    title: typeof known.title === 'string' ? known.title : statusText || `HTTP ${status}`,
    status,
    detail: typeof known.detail === 'string' ? known.detail : '',
    errors: faults(known.errors),
    run_status: typeof known.run_status === 'string' ? known.run_status : null,
    incident: typeof known.incident === 'string' ? known.incident : null,
    decided: decidedBy(known.decided),
  })
}

export function unreachable(title: string): Problem {
  return new Problem({ type: 'about:blank', title, status: 0, detail: '', errors: [] })
}
