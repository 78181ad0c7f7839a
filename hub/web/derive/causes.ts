// Which field of a form a refusal is about: the hub names fields of its objects, the form has fields of its own. Pure.
import type { ApiFailure, FailureCause } from '../api/failure.ts'

export interface PlacedCauses<F extends string> {
  /** What stands under each field. */
  at: Partial<Record<F, string>>
  /** What no field of the form is to blame for. */
  rest: readonly FailureCause[]
}

/** `places` go from a path in the object (`spec.proxy`) to a field of the form; the longest path that begins the cause's field wins. */
export function placeCauses<F extends string>(failure: ApiFailure | undefined, places: Readonly<Record<string, F>>): PlacedCauses<F> {
  const at: Partial<Record<F, string>> = {}
  const rest: FailureCause[] = []
  const paths = Object.keys(places).sort((a, b) => b.length - a.length)
  const conflict = failure?.reason === 'AlreadyExists' ? [{ field: 'metadata.name', message: failure.message }] : []
  for (const cause of [...(failure?.causes ?? []), ...conflict]) {
    const path = paths.find((one) => cause.field === one || cause.field?.startsWith(`${one}.`) || cause.field?.startsWith(`${one}[`))
    const field = path === undefined ? undefined : places[path]
    if (field === undefined) rest.push(cause)
    else at[field] = at[field] === undefined ? cause.message : `${at[field]} ${cause.message}`
  }
  return { at, rest }
}
