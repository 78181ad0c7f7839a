// Errors of the resource layer in the API server's own words.
import { apiGroup, apiVersionName } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { AlreadyExistsError, BusyError, ConflictError, NotFoundError, StorageError, TooOldError } from '#hub/store/errors.ts'
import type { FieldCause, KindDefinition } from './types.ts'

type Named = Pick<KindDefinition, 'kind' | 'plural'>
const title = ({ plural }: Named, name: string) => `${plural}.${apiGroup} ${JSON.stringify(name)}`

export function notFound(definition: Named, name: string): ApiError {
  return new ApiError('NotFound', `${title(definition, name)} not found`, { kind: definition.plural, name })
}

export function alreadyExists(definition: Named, name: string): ApiError {
  return new ApiError('AlreadyExists', `${title(definition, name)} already exists`, { kind: definition.plural, name })
}

export function conflict(definition: Named, name: string, why?: string): ApiError {
  const reason = why ?? 'the object has been modified; please apply your changes to the latest version and try again'
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${title(definition, name)}: ${reason}`, {
    kind: definition.plural,
    name,
  })
}

export function invalid({ kind }: Named, name: string, causes: readonly FieldCause[]): ApiError {
  const list = causes.map(({ field, message }) => `${field}: ${message}`)
  const text = list.length === 1 ? list[0] : `[${list.join(', ')}]`
  return new ApiError('Invalid', `${kind}.${apiGroup} ${JSON.stringify(name)} is invalid: ${text}`, { causes, kind, name })
}

export function unknownFields({ kind }: Named, paths: readonly string[]): ApiError {
  const list = paths.map((path) => `unknown field "${path}"`).join(', ')
  return new ApiError(
    'BadRequest',
    `${kind} in version "${apiVersionName}" cannot be handled as a ${kind}: strict decoding error: ${list}`,
    { kind },
  )
}

/** The store's refusals as API errors; anything else stays as it is. */
export function fromStore(error: unknown, definition: Named, name: string): unknown {
  if (error instanceof ConflictError) return conflict(definition, name)
  if (error instanceof AlreadyExistsError) return alreadyExists(definition, name)
  if (error instanceof NotFoundError) return notFound(definition, name)
  if (error instanceof TooOldError) return new ApiError('Expired', error.message)
  if (error instanceof BusyError) return new ApiError('ServiceUnavailable', error.message, { retryAfterSeconds: 1, cause: error })
  if (error instanceof StorageError) return new ApiError('ServiceUnavailable', error.message, { retryAfterSeconds: 5, cause: error })
  return error
}
