// limit and continue. The token carries the resourceVersion of the first page, so that a watch from there brings everything that
// changed while the pages were read; it expires together with the change log.
import { ApiError } from '#shared/errors/api-error.ts'

export interface Position {
  version: number
  /** Last name of the page before. */
  after: string
}

export function encodeContinue({ version, after }: Position): string {
  return Buffer.from(JSON.stringify({ v: 1, rv: version, after })).toString('base64url')
}

/** Throws ApiError BadRequest. */
export function decodeContinue(token: string): Position {
  try {
    if (token.length > 1024) throw new Error('too long')
    const { v, rv, after } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { v: unknown; rv: unknown; after: unknown }
    if (v !== 1 || !Number.isSafeInteger(rv) || typeof after !== 'string') throw new Error('not ours')
    return { version: rv as number, after }
  } catch (cause) {
    throw new ApiError('BadRequest', 'continue key is not valid: it must come from a list answer of this API', { cause })
  }
}
