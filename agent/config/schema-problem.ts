// The first thing wrong with a document, as `field: what`, in words for the person who wrote it.
import type { TSchema } from 'typebox'
import Value from 'typebox/value'

/** undefined when the value fits. `field` is dotted, '' for the document itself. */
export function schemaProblem(schema: TSchema, value: unknown): { field: string; message: string } | undefined {
  if (Value.Check(schema, value)) return undefined
  // An unknown field is reported twice: for the object that has it and, as a schema of `false`, under its own name.
  const errors = [...Value.Errors(schema, value)]
  const first = errors.find(({ keyword }) => keyword === 'boolean') ?? errors[0]
  const field = (first?.instancePath ?? '').slice(1).replaceAll('/', '.')
  return { field, message: first?.keyword === 'boolean' ? 'is not a known field' : (first?.message ?? 'is not allowed') }
}
