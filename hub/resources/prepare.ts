// From what a client sent to an object that may be stored: shape, unknown fields, defaults, schema, rules. Pure apart from look-ups.
import { isDeepStrictEqual } from 'node:util'
import { apiVersion, ObjectMeta, type Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { invalid, unknownFields } from './errors.ts'
import { sealedOf } from './sealed.ts'
import type { FieldCause, KindDefinition, Look, WriteOptions } from './types.ts'
import { checkMetadata } from './validate/metadata.ts'
import { checkSchema, prune } from './validate/schema.ts'

type Parts = { metadata: ObjectMeta; spec: unknown; status: unknown }

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Checks kind and form, drops what is unknown (Strict: refuses it). Throws ApiError BadRequest. */
export function decode(
  definition: KindDefinition,
  input: unknown,
  { fieldValidation = 'Strict', warnings }: WriteOptions,
  parts: { status: boolean },
): Parts {
  const { kind } = definition
  if (!isRecord(input)) throw new ApiError('BadRequest', `the body must be a ${kind} object`)
  if (input.kind !== undefined && input.kind !== kind)
    throw new ApiError('BadRequest', `the object provided is a ${String(input.kind)}, not a ${kind}`)
  if (input.apiVersion !== undefined && input.apiVersion !== apiVersion)
    throw new ApiError(
      'BadRequest',
      `the API version in the data (${String(input.apiVersion)}) does not match the expected API version (${apiVersion})`,
    )
  if (input.metadata !== undefined && !isRecord(input.metadata)) throw new ApiError('BadRequest', 'metadata must be an object')

  const unknown = Object.keys(input).filter((key) => !['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(key))
  const metadata = prune(ObjectMeta, input.metadata ?? {}, 'metadata', unknown) as ObjectMeta
  const spec = prune(definition.spec, input.spec ?? {}, 'spec', unknown)
  // Where status is not written it is not looked at either: clients send back what they were shown.
  const status = parts.status && input.status !== undefined ? prune(definition.status, input.status, 'status', unknown) : undefined
  if (unknown.length > 0) {
    if (fieldValidation === 'Strict') throw unknownFields(definition, unknown)
    if (fieldValidation === 'Warn') warnings?.push(...unknown.map((path) => `unknown field "${path}"`))
  }
  const { managedFields: _managed, selfLink: _link, ...kept } = metadata
  return { metadata: kept, spec, status }
}

/** Throws ApiError Invalid with every cause that was found. */
export function check(definition: KindDefinition, object: Resource, old: Resource | undefined, look: Look): void {
  const causes: FieldCause[] = [
    ...checkSchema(ObjectMeta, object.metadata, 'metadata'),
    ...checkSchema(definition.spec, object.spec, 'spec', definition.seal && 'spec.data'),
    ...(object.status === undefined ? [] : checkSchema(definition.status, object.status, 'status')),
  ]
  // Rules may rely on the schema.
  if (causes.length === 0) causes.push(...checkMetadata(object.metadata), ...(definition.validate?.(object, old, look) ?? []))
  if (causes.length > 0) throw invalid(definition, object.metadata.name ?? '', causes)
}

/** What a client may change of metadata, over what is stored. */
export function mergeMetadata(old: Resource, given: ObjectMeta): Resource['metadata'] {
  const { labels, annotations, finalizers, ownerReferences } = given
  const metadata: Resource['metadata'] = { ...old.metadata }
  for (const [key, value] of Object.entries({ labels, annotations, finalizers, ownerReferences })) {
    const isEmpty = value === undefined || Object.keys(value).length === 0
    if (isEmpty) delete metadata[key as keyof ObjectMeta]
    else Object.assign(metadata, { [key]: value })
  }
  return metadata
}

/** Once deletion has begun finalizers can only go. */
export function checkFinalizers(object: Resource, old: Resource): FieldCause[] {
  if (!old.metadata.deletionTimestamp) return []
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !old.metadata.finalizers?.includes(finalizer))
  if (added.length === 0) return []
  const message = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`
  return [{ field: 'metadata.finalizers', reason: 'FieldValueForbidden', message }]
}

/** Raises the generation when, and only when, the spec or a secret in it is another one. */
export function withGeneration(object: Resource, old: Resource): Resource {
  const isSameSpec = isDeepStrictEqual(object.spec, old.spec) && isDeepStrictEqual(sealedOf(object), sealedOf(old))
  const generation = (old.metadata.generation ?? 1) + (isSameSpec ? 0 : 1)
  return { ...object, metadata: { ...object.metadata, generation } }
}

/** Apart from resourceVersion. */
export function isSame(a: Resource, b: Resource): boolean {
  const strip = ({ metadata, ...rest }: Resource) => ({ ...rest, metadata: { ...metadata, resourceVersion: '' } })
  return isDeepStrictEqual(strip(a), strip(b))
}

/** As it will be stored: keys that are undefined do not survive and make no difference. */
export function asStored(object: Resource): Resource {
  return JSON.parse(JSON.stringify(object)) as Resource
}
