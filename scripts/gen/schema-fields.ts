// A JSON schema as rows of a table.
import type { TSchema } from 'typebox'

export interface FieldRow {
  path: string
  type: string
  rule: string
  description: string
}

interface Schema {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  description?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  pattern?: string
  format?: string
}

/** Every field below `prefix`, depth first; items of arrays as `name[]`. The shared shape of conditions is named, not repeated. */
export function describeFields(prefix: string, schema: TSchema): FieldRow[] {
  return walk(prefix, schema as Schema)
}

function walk(path: string, schema: Schema): FieldRow[] {
  const required = new Set(schema.required)
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = `${path}.${name}`
    if (name === 'conditions') return [{ path: `${here}[]`, type: 'condition', rule: '', description: 'Kubernetes conditions.' }]
    const own = {
      path: here,
      type: typeOf(field),
      rule: [required.has(name) ? 'required' : '', ...limitsOf(field)].filter(Boolean).join(', '),
      description: field.description ?? '',
    }
    return [own, ...walk(here, field), ...(field.items ? walk(`${here}[]`, field.items) : [])]
  })
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map(String).join(', ')
  if (schema.anyOf) return [...new Set(schema.anyOf.map((one) => (one.const === undefined ? typeOf(one) : String(one.const))))].join(' or ')
  if (schema.items) return `list of ${typeOf(schema.items)}`
  if (schema.patternProperties) return 'map'
  if (schema.format === 'date-time') return 'time'
  return Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? 'any')
}

function limitsOf(schema: Schema): string[] {
  const range = (low: number | undefined, high: number | undefined, unit: string) => {
    if (low === undefined && high === undefined) return ''
    if (low !== undefined && high !== undefined) return `${low} to ${high}${unit}`
    return low === undefined ? `at most ${high}${unit}` : `at least ${low}${unit}`
  }
  return [
    range(schema.minimum, schema.maximum, ''),
    schema.format === 'date-time' ? '' : range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minItems, schema.maxItems, ' items'),
    schema.pattern ? `\`${schema.pattern}\`` : '',
  ]
}
