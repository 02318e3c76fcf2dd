import {
  createErrorHandler,
  ErrorSchemaBuilder,
  type RJSFSchema,
  type RJSFValidationError,
  unwrapErrorHandler,
  type ValidatorType,
  validationDataMerge,
} from '@rjsf/utils'
import { type FormFault, faultsOf, isValid, type JsonSchema } from '@/model/formValidator'

/** What react-jsonschema-form asks of a validator, on one that works without `eval`. */
export const rjsfValidator: ValidatorType = {
  validateFormData(formData, schema, customValidate, transformErrors, uiSchema) {
    const faults = faultsOf(schema as JsonSchema, formData)
    const listed = faults.map(toRjsf)
    const errors = transformErrors ? transformErrors(listed, uiSchema) : listed
    const builder = new ErrorSchemaBuilder()
    for (const { message, path } of faults) builder.addErrors(message, path)
    const found = { errors, errorSchema: builder.ErrorSchema }
    if (!customValidate) return found
    const handler = customValidate(formData, createErrorHandler(formData), uiSchema)
    return validationDataMerge(found, unwrapErrorHandler(handler))
  },
  isValid(schema, formData, rootSchema) {
    const { $defs, definitions } = rootSchema as RJSFSchema
    return isValid({ $defs, definitions, ...(schema as JsonSchema) }, formData)
  },
  rawValidation(schema, formData) {
    return { errors: faultsOf(schema as JsonSchema, formData) as never[] }
  },
}

function toRjsf({ path, keyword, message }: FormFault): RJSFValidationError {
  const property = path.map((step) => `.${step}`).join('')
  return { name: keyword, message, property, stack: `${property} ${message}`.trim() }
}

export default rjsfValidator
