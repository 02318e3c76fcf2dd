import type { UiSchema } from '@rjsf/utils'

/** Instead of everything that a form would make of the alternatives of a schema. */
const own = (field: string): UiSchema => ({
  'ui:field': field,
  'ui:fieldReplacesAnyOrOneOf': true,
})

/** Settings of built-in types that no plain form can ask for. */
export const OWN_FIELDS: Readonly<Record<string, UiSchema>> = {
  map: { run: own('MapBody'), on_item_error: own('ItemErrors') },
  workflow: { name: own('WorkflowName') },
}
