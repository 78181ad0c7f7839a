// meta.k8s.io/v1 Table: what `kubectl get` prints. NAME is first and AGE last whatever the kind declares.
import type { Resource } from '#shared/contract/meta.ts'
import { ageOf } from '#hub/resources/age.ts'
import type { Column, KindDefinition } from '#hub/resources/types.ts'

export type IncludeObject = 'None' | 'Metadata' | 'Object'

export interface TableOptions {
  definition: KindDefinition
  version: string
  includeObject: IncludeObject
  now: Date
}

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  priority: 0,
  description: 'Name of the object.',
  value: (object) => object.metadata.name,
}
const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  priority: 0,
  description: 'Time since it was created.',
  value: (object, now) => ageOf(object.metadata.creationTimestamp, now),
}

export function columnsOf(definition: KindDefinition): readonly Column[] {
  const own = definition.columns.filter((column) => !['name', 'age'].includes(column.name.toLowerCase()))
  return [nameColumn, ...own, ageColumn]
}

export function columnDefinitions(definition: KindDefinition): object[] {
  return columnsOf(definition).map(({ name, type, priority, description }) => ({
    name,
    // A date is already the text of an age; kubectl shows it as it is.
    type: type === 'date' ? 'string' : type,
    format: name === 'Name' ? 'name' : '',
    description,
    priority,
  }))
}

export function tableRow(object: Resource, { definition, version, includeObject, now }: TableOptions): object {
  return {
    cells: columnsOf(definition).map((column) => cell(column, object, now)),
    ...(includeObject !== 'None' && {
      object: includeObject === 'Object' ? object : partialObject(object, version),
    }),
  }
}

export function table(rows: readonly object[], metadata: object, options: TableOptions, hasColumns = true): object {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: hasColumns ? columnDefinitions(options.definition) : [],
    rows,
  }
}

export function partialObject(object: Resource, version = 'v1'): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata }
}

function cell(column: Column, object: Resource, now: Date): string | number | boolean {
  let value: string | number | boolean | null
  try {
    value = column.value(object, now)
  } catch {
    // A status that is half filled must not take the whole list down.
    value = null
  }
  return value === null || value === undefined || value === '' ? '<none>' : value
}
