// What a workflow asks for when it is started.
import type { JsonSchema } from './formValidator'

/** How inputs are asked for: not at all, by a form, or as JSON where a schema draws no form. */
export type InputsAsked =
  | { kind: 'none' }
  | { kind: 'form'; schema: JsonSchema }
  | { kind: 'json'; schema: JsonSchema | null }

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function inputsAsked(document: Record<string, unknown>): InputsAsked {
  const schema = document.inputs
  if (schema === undefined || schema === null) return { kind: 'none' }
  if (!isObject(schema)) return { kind: 'json', schema: null }
  if (!isObject(schema.properties)) return { kind: 'json', schema }
  if (Object.keys(schema.properties).length === 0) return { kind: 'none' }
  return { kind: 'form', schema }
}

/** The object that `source` says, or null if it says none. Nothing at all is no inputs. */
export function parseInputs(source: string): Record<string, unknown> | null {
  if (source.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(source)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}
