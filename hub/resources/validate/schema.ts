// TypeBox schemas → causes with Kubernetes' field paths, and the removal of fields that a schema does not know.
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Settings } from 'typebox/system'
import type { FieldCause } from '../types.ts'

// The default of 8 would hide most of what is wrong with a larger object.
Settings.Set({ maxErrors: 64 })

type AnySchema = {
  type?: string
  properties?: Record<string, AnySchema>
  patternProperties?: Record<string, AnySchema>
  additionalProperties?: boolean | AnySchema
  items?: AnySchema
}

const compiled = new WeakMap<TSchema, Validator>()

function validatorOf(schema: TSchema): Validator {
  let validator = compiled.get(schema)
  if (!validator) compiled.set(schema, (validator = Compile(schema) as unknown as Validator))
  return validator
}

/** Returns a copy without unknown fields and without nulls (Kubernetes takes null for absent); paths of unknown fields go to `unknown`. */
export function prune(schema: TSchema, value: unknown, path: string, unknown: string[]): unknown {
  return pruneAny(schema as AnySchema, value, path, unknown)
}

function pruneAny(schema: AnySchema, value: unknown, path: string, unknown: string[]): unknown {
  if (Array.isArray(value))
    return schema.items ? value.map((item, index) => pruneAny(schema.items as AnySchema, item, `${path}[${index}]`, unknown)) : value
  if (typeof value !== 'object' || value === null) return value
  const pattern = Object.values(schema.patternProperties ?? {})[0]
  if (!schema.properties && !pattern) {
    if (schema.type === 'object' && schema.additionalProperties === false) return pruneKeys({}, undefined, true, value, path, unknown)
    return value
  }
  return pruneKeys(schema.properties ?? {}, pattern, schema.additionalProperties === false || !pattern, value, path, unknown)
}

function pruneKeys(
  properties: Record<string, AnySchema>,
  pattern: AnySchema | undefined,
  isClosed: boolean,
  value: object,
  path: string,
  unknown: string[],
): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, child] of Object.entries(value)) {
    const childPath = path ? `${path}.${key}` : key
    const schema = Object.hasOwn(properties, key) ? properties[key] : pattern
    if (!schema && isClosed) unknown.push(childPath)
    else if (child === null || child === undefined || key === '__proto__') continue
    else kept[key] = schema ? pruneAny(schema, child, childPath, unknown) : child
  }
  return kept
}

/** Causes under `prefix` ("spec"), each field once. Values at and under the path `secret` are not shown. */
export function checkSchema(schema: TSchema, value: unknown, prefix: string, secret?: string): FieldCause[] {
  const validator = validatorOf(schema)
  if (validator.Check(value)) return []
  const causes = new Map<string, FieldCause>()
  for (const error of validator.Errors(value) as unknown as SchemaError[]) {
    for (const cause of causesOf(error, value, prefix, secret)) if (!causes.has(cause.field)) causes.set(cause.field, cause)
  }
  return [...causes.values()]
}

interface SchemaError {
  keyword: string
  instancePath: string
  message: string
  params: Record<string, unknown>
}

function causesOf(
  { keyword, instancePath, message, params }: SchemaError,
  root: unknown,
  prefix: string,
  secret: string | undefined,
): FieldCause[] {
  const keys = instancePath.split('/').slice(1).map(unescapePointer)
  const field = fieldPath(prefix, keys, root)
  const isSecret = secret !== undefined && (field === secret || field.startsWith(`${secret}.`))
  const value = isSecret ? '(not shown)' : shorten(valueAt(root, keys))
  switch (keyword) {
    case 'required':
      return (params.requiredProperties as string[]).map((key) => ({
        field: `${field}.${key}`,
        reason: 'FieldValueRequired',
        message: 'Required value',
      }))
    case 'type':
      return [{ field, reason: 'FieldValueTypeInvalid', message: `Invalid value: ${value}: must be of type ${String(params.type)}` }]
    case 'enum':
    case 'const':
      return [{ field, reason: 'FieldValueNotSupported', message: `Unsupported value: ${value}${supported(params)}` }]
    case 'maxLength':
    case 'maxItems':
      return [{ field, reason: 'FieldValueTooLong', message: `Too long: ${message}` }]
    case 'additionalProperties':
    case 'boolean':
      return []
    default:
      return [{ field, reason: 'FieldValueInvalid', message: `Invalid value: ${value}: ${message}` }]
  }
}

function supported({ allowedValues }: Record<string, unknown>): string {
  return Array.isArray(allowedValues) ? `: supported values: ${allowedValues.map((value) => JSON.stringify(value)).join(', ')}` : ''
}

function unescapePointer(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~')
}

function fieldPath(prefix: string, keys: readonly string[], root: unknown): string {
  let path = prefix
  let value = root
  for (const key of keys) {
    path += Array.isArray(value) ? `[${key}]` : `.${key}`
    value = (value as Record<string, unknown> | undefined)?.[key]
  }
  return path
}

function valueAt(root: unknown, keys: readonly string[]): unknown {
  let value = root
  for (const key of keys) value = (value as Record<string, unknown> | undefined)?.[key]
  return value
}

/** Enough to recognise it; a value of a megabyte does not belong in an error. */
function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
