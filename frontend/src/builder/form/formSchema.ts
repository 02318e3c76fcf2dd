import type { RJSFSchema, UiSchema } from '@rjsf/utils'
import { isObject } from '@/model/document'

/** Schemas of types as the forms take them.
 *
 * Defaults become hints: a form must not write into a document what nobody chose. What has no one
 * shape (any value, one of several types, a schema) is written as JSON.
 */
export function formSchema(schema: RJSFSchema): { schema: RJSFSchema; uiSchema: UiSchema } {
  const { oneOf, ...others } = schema
  const plain = alternativesOf(schema) ? others : schema
  return { schema: withoutDefaults(plain) as RJSFSchema, uiSchema: uiOf(plain, plain, 0) }
}

/** The fields of which a config has exactly one, if `oneOf` says that and nothing else. */
export function alternativesOf({ oneOf }: RJSFSchema): string[] | null {
  const names = oneOf?.map((each) => {
    const { required, ...others } = each as RJSFSchema
    const isBare = Object.keys(others).length === 0 && required?.length === 1
    return isBare ? required[0] : undefined
  })
  const found = names?.filter((each) => each !== undefined)
  return found && found.length > 1 && found.length === names?.length ? found : null
}

/** The schema with `chosen` alone of its alternatives, and what goes with it. */
export function withAlternative(
  schema: RJSFSchema,
  alternatives: readonly string[],
  chosen: string,
): RJSFSchema {
  // Left out, not undefined: forms look for the bare key.
  const { oneOf: _, dependentRequired = {}, ...others } = schema
  const needs = dependentRequired as Record<string, string[] | undefined>
  const isShown = (name: string): boolean =>
    name === chosen ||
    (!alternatives.includes(name) &&
      (needs[name] ?? []).every((each) => each === chosen || !alternatives.includes(each)))
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => isShown(name))
  return {
    ...others,
    required: [...new Set([...(schema.required ?? []), chosen])],
    properties: Object.fromEntries(properties),
  }
}

function withoutDefaults(value: unknown, isMap = false): unknown {
  if (Array.isArray(value)) return value.map((each) => withoutDefaults(each))
  if (!isObject(value)) return value
  const isNamed = (key: string): boolean => key === 'properties' || key === '$defs'
  const entries = Object.entries(value).flatMap(([key, each]): [string, unknown][] => {
    if (!isMap && key === 'default') return []
    if (!isMap && (key === 'examples' || key === 'enum' || key === 'const')) return [[key, each]]
    if (!isMap && key === 'additionalProperties' && isObject(each)) return [[key, added(each)]]
    return [[key, withoutDefaults(each, !isMap && isNamed(key))]]
  })
  return Object.fromEntries(entries)
}

/** What a field of a free name begins with: nothing, where it can be text. */
function added(schema: RJSFSchema): unknown {
  const plain = withoutDefaults(schema) as RJSFSchema
  if (plain.type === 'string') return { ...plain, default: '' }
  return isPlain(plain) ? plain : { type: 'string', default: '' }
}

const DEEPEST = 12

function resolved(schema: RJSFSchema, root: RJSFSchema): RJSFSchema {
  const name = schema.$ref?.match(/^#\/\$defs\/([^/]+)$/)?.[1]
  const target = name === undefined ? undefined : root.$defs?.[name]
  return isObject(target) ? { ...(target as RJSFSchema), ...schema, $ref: undefined } : schema
}

/** Can the form draw it, or must it be written as JSON? */
function isPlain(schema: RJSFSchema): boolean {
  if (schema.enum) return true
  if (schema.anyOf || schema.oneOf || schema.allOf || schema.$ref || schema.if) return false
  switch (schema.type) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
      return true
    case 'array':
      return isObject(schema.items)
    case 'object':
      return Boolean(schema.properties) || isObject(schema.additionalProperties)
    default:
      return false
  }
}

function uiOf(given: RJSFSchema, root: RJSFSchema, depth: number): UiSchema {
  const schema = resolved(given, root)
  if (depth > 0 && (!isPlain(schema) || depth > DEEPEST)) {
    return { 'ui:field': 'AnyValue', 'ui:fieldReplacesAnyOrOneOf': true }
  }
  const ui: UiSchema = {}
  const hint = schema.default ?? schema.examples?.[0 as never]
  if (hint !== undefined) ui['ui:placeholder'] = hintOf(hint)
  for (const [key, each] of Object.entries(schema.properties ?? {})) {
    if (isObject(each)) ui[key] = uiOf(each as RJSFSchema, root, depth + 1)
  }
  if (isObject(schema.items)) ui.items = uiOf(schema.items as RJSFSchema, root, depth + 1)
  if (isObject(schema.additionalProperties)) {
    const inner = uiOf(schema.additionalProperties as RJSFSchema, root, depth + 1)
    ui.additionalProperties = inner
  }
  if (schema.type === 'string' && isLong(schema)) ui['ui:widget'] = 'textarea'
  return ui
}

const isLong = ({ maxLength }: RJSFSchema): boolean =>
  maxLength !== undefined && maxLength >= 10_000

function hintOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
