// JSON Schema for forms. An interpreter: compilers of schemas need `eval`, which the content
// security policy forbids. The server judges again, so a schema that this one cannot read (an
// unknown reference, a pattern that JavaScript lacks) passes here and is decided there.
import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema'

export type JsonSchema = Record<string, unknown>

export interface FormFault {
  /** Names and indices from the root to the value. */
  path: (string | number)[]
  keyword: string
  message: string
}

const REQUIRED = /required property "(.*)"\.$/s
// These only pass on what another rule found deeper down.
const PASSING_ON = new Set([
  'properties',
  'patternProperties',
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'items',
  'prefixItems',
  'additionalItems',
  'unevaluatedItems',
  'allOf',
  'then',
  'else',
  'dependentSchemas',
  '$ref',
  '$dynamicRef',
  '$recursiveRef',
])
const WITHIN_CHOICE = /\/(anyOf|oneOf|not|if)\//

/** What is wrong with `value`; empty if it is valid. One entry a place and rule. */
export function faultsOf(schema: JsonSchema, value: unknown): FormFault[] {
  const units = run(schema, value)
  return units.filter((unit) => isTelling(unit, units)).map(toFault)
}

export function isValid(schema: JsonSchema, value: unknown): boolean {
  return run(schema, value).length === 0
}

function run(schema: JsonSchema, value: unknown): OutputUnit[] {
  if (value === undefined) return run(schema, null).filter((unit) => unit.keyword !== 'type')
  try {
    return new Validator(schema as Schema, '2020-12', false).validate(value).errors
  } catch {
    return []
  }
}

/** Not "the object is wrong because its field is wrong", and not every branch of a choice. */
function isTelling(unit: OutputUnit, all: OutputUnit[]): boolean {
  if (PASSING_ON.has(unit.keyword) || WITHIN_CHOICE.test(unit.keywordLocation)) return false
  // A field that breaks its own rule is also called an additional one: the rule says more.
  return unit.keyword !== 'false' || !all.some((other) => isMoreTelling(other, unit))
}

function isMoreTelling(other: OutputUnit, { instanceLocation }: OutputUnit): boolean {
  if (other.keyword === 'false' || PASSING_ON.has(other.keyword)) return false
  return `${other.instanceLocation}/`.startsWith(`${instanceLocation}/`)
}

function toFault(unit: OutputUnit): FormFault {
  const path = pathOf(unit.instanceLocation)
  if (unit.keyword === 'required') {
    const missing = REQUIRED.exec(unit.error)?.[1]
    if (missing !== undefined) {
      return { path: [...path, missing], keyword: 'required', message: 'This is required.' }
    }
  }
  return { path, keyword: unit.keyword, message: sentence(unit) }
}

function sentence({ keyword, error }: OutputUnit): string {
  if (keyword === 'anyOf' || keyword === 'oneOf') return 'This fits none of the allowed forms.'
  if (keyword === 'false') return 'This field is not allowed.'
  return error
}

/** The steps of a JSON Pointer in a fragment: `#/a/0` is a, 0. */
function pathOf(location: string): (string | number)[] {
  return location
    .replace(/^#/, '')
    .split('/')
    .slice(1)
    .map((part) => {
      const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
      return /^(0|[1-9]\d*)$/.test(name) ? Number(name) : name
    })
}
