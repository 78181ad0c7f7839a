// Columns that every kind has, and small helpers for the others.
import type { Condition, Resource } from '#shared/contract/meta.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import { ageOf } from '../age.ts'
import type { Column } from '../types.ts'

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  priority: 0,
  description: 'Name must be unique within the kind.',
  value: (object) => object.metadata.name,
}

export const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  priority: 0,
  description: 'Time since the object was created.',
  value: (object, now) => ageOf(object.metadata.creationTimestamp, now),
}

type Value<T extends Resource> = (object: T, now: Date) => string | number | boolean | null | undefined

/** A column of text; what is absent is shown as nothing. */
export function column<T extends Resource>(name: string, description: string, value: Value<T>, options: Partial<Column> = {}): Column {
  return { name, description, type: 'string', priority: 0, ...options, value: (object, now) => value(object as T, now) ?? '' }
}

export function wide<T extends Resource>(name: string, description: string, value: Value<T>): Column {
  return column(name, description, value, { priority: 1 })
}

export function conditionStatus(conditions: readonly Condition[] | undefined, type: string): string {
  return findCondition(conditions, type)?.status ?? 'Unknown'
}
