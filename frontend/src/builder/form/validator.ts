import { Validator } from '@cfworker/json-schema'
import type { RJSFSchema, ValidatorType } from '@rjsf/utils'

/** What the forms ask of a validator, without code made at run time, which the page's policy bars.
 *
 * It only decides which of several schemas a value fits. Faults come from the compiler.
 */
export const validator: ValidatorType = {
  validateFormData: () => ({ errors: [], errorSchema: {} }),
  rawValidation: () => ({ errors: [] }),
  isValid: (schema, value, root) => fits(schema, value, root),
}

function fits(schema: RJSFSchema, value: unknown, root: RJSFSchema): boolean {
  const whole = root.$defs ? { ...schema, $defs: root.$defs } : schema
  try {
    return new Validator(whole as never, '2020-12').validate(value).valid
  } catch {
    // A schema of a worker that cannot be read fits nothing; the form shows the value as JSON.
    return false
  }
}
