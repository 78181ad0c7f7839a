// From the schemas that validate to the OpenAPI v3 schemas that kubectl explains and checks with.
import type { TSchema } from 'typebox'
import { apiGroup, apiVersionName, ObjectMeta } from '#shared/contract/meta.ts'
import type { KindDefinition } from '#hub/resources/types.ts'

type Json = Record<string, unknown>

export const metaSchemaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
export const listMetaSchemaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'
export const schemaName = (kind: string): string => `dev.moorline.${apiVersionName}.${kind}`
export const schemaRef = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })
export const groupVersionKind = (kind: string): Json => ({ group: apiGroup, version: apiVersionName, kind })

const kept = [
  'type',
  'format',
  'description',
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'required',
  'default',
]

/** JSON Schema as typebox writes it, in the subset that Kubernetes' structural schemas know. */
export function toOpenApi(schema: TSchema): Json {
  const source = schema as Json
  const nullable = withoutNull(source)
  if (nullable) return { ...toOpenApi(nullable as TSchema), nullable: true }
  const result: Json = {}
  for (const key of kept) if (source[key] !== undefined) result[key] = source[key]
  if (Array.isArray(source.enum) && source.type === undefined) result.type = 'string'
  if (source.items !== undefined) result.items = toOpenApi(source.items as TSchema)
  if (source.properties !== undefined) {
    const entries = Object.entries(source.properties as Json)
    result.properties = Object.fromEntries(entries.map(([key, value]) => [key, toOpenApi(value as TSchema)]))
  }
  const [pattern] = Object.values((source.patternProperties ?? {}) as Json)
  if (pattern !== undefined) result.additionalProperties = toOpenApi(pattern as TSchema)
  const variants = source.anyOf as TSchema[] | undefined
  if (variants) result.anyOf = variants.map(toOpenApi)
  if (result.type === undefined && !variants) {
    result.type = 'object'
    result['x-kubernetes-preserve-unknown-fields'] = true
  }
  return result
}

function withoutNull(source: Json): Json | undefined {
  const variants = source.anyOf as Json[] | undefined
  if (variants?.length !== 2 || !variants.some((variant) => variant.type === 'null')) return undefined
  const { anyOf: _anyOf, ...rest } = source
  return { ...variants.find((variant) => variant.type !== 'null'), ...rest }
}

const text = (description: string): Json => ({ type: 'string', description })

export function kindSchemas(definitions: readonly KindDefinition[]): Json {
  const schemas: Json = {
    [metaSchemaName]: toOpenApi(ObjectMeta),
    [listMetaSchemaName]: {
      type: 'object',
      description: 'ListMeta describes metadata that lists have.',
      properties: {
        continue: text('Token for the next page.'),
        remainingItemCount: { type: 'integer', format: 'int64', description: 'Items after this page, when known.' },
        resourceVersion: text('What the list stands for; a watch may start here.'),
        selfLink: text('Not used.'),
      },
    },
  }
  for (const { kind, description, spec, status } of definitions) {
    schemas[schemaName(kind)] = {
      type: 'object',
      description,
      required: ['spec'],
      properties: {
        apiVersion: text(`${apiGroup}/${apiVersionName}`),
        kind: text(kind),
        metadata: { description: 'Standard object metadata.', default: {}, allOf: [schemaRef(metaSchemaName)] },
        spec: { ...toOpenApi(spec), description: (spec as Json).description ?? `What is wanted of this ${kind}.` },
        status: { ...toOpenApi(status), description: (status as Json).description ?? 'What the hub has seen. Set by the hub.' },
      },
      'x-kubernetes-group-version-kind': [groupVersionKind(kind)],
    }
    schemas[schemaName(`${kind}List`)] = {
      type: 'object',
      description: `${kind}List is a list of ${kind}.`,
      required: ['items'],
      properties: {
        apiVersion: text(`${apiGroup}/${apiVersionName}`),
        kind: text(`${kind}List`),
        metadata: { allOf: [schemaRef(listMetaSchemaName)] },
        items: { type: 'array', items: schemaRef(schemaName(kind)) },
      },
      'x-kubernetes-group-version-kind': [groupVersionKind(`${kind}List`)],
    }
  }
  return schemas
}
