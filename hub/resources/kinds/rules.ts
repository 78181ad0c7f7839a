// Rules that several kinds share.
import { isDeepStrictEqual } from 'node:util'
import type { FieldCause, Look } from '../types.ts'

export function forbidden(field: string, message: string): FieldCause {
  return { field, reason: 'FieldValueForbidden', message }
}

export function badValue(field: string, value: unknown, why: string): FieldCause {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}` }
}

/** Fields of spec that keep the value they were created with. */
export function immutable<Spec extends object>(spec: Spec, old: Spec | undefined, fields: readonly (keyof Spec & string)[]): FieldCause[] {
  if (!old) return []
  return fields
    .filter((field) => !isDeepStrictEqual(spec[field], old[field]))
    .map((field) => badValue(`spec.${field}`, spec[field] ?? null, 'field is immutable'))
}

/** A switch that can be turned on once. */
export function oneWay(field: string, value: boolean | undefined, old: boolean | undefined): FieldCause[] {
  return old && !value ? [forbidden(field, 'true cannot be taken back')] : []
}

/** The named object must exist; looked at when the reference is new, so that objects of a deleted one can still be edited. */
export function reference(look: Look, kind: string, field: string, name: string | undefined, old: string | undefined): FieldCause[] {
  if (name === undefined || name === old || look.get(kind, name)) return []
  return [badValue(field, name, `there is no ${kind} of this name`)]
}
