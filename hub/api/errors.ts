// Errors leave as Kubernetes Status objects. Only ApiError speaks to the caller; anything else is logged with the request's id.
import type { FastifyInstance } from 'fastify'
import { apiGroup } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Log } from '#shared/log/log.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: Record<string, never>
  status: 'Success' | 'Failure'
  message?: string
  reason?: string
  details?: object
  code: number
}

/** `resources` turns a kind into the plural that Kubernetes puts into details.kind. */
export function toStatus(error: ApiError, resources?: Resources): Status {
  const { kind, name, retryAfterSeconds } = error.details
  const causes = error.causes.map(({ field, reason, message }) => ({ reason, message, field }))
  const details = {
    ...(name !== undefined && { name }),
    // As apimachinery: Invalid names the kind, everything else the resource.
    ...(kind !== undefined && { group: apiGroup, kind: (error.code !== 'Invalid' && resources?.definition(kind)?.plural) || kind }),
    ...(causes.length > 0 && { causes }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  }
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    reason: error.reason,
    ...(Object.keys(details).length > 0 && { details }),
    code: error.status,
  }
}

/** fastify's own errors (a bad URL, a body without type) in our words. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const status = (error as { statusCode?: unknown }).statusCode
  const message = error instanceof Error ? error.message : String(error)
  if (status === 413) return new ApiError('RequestEntityTooLarge', message)
  if (status === 415) return new ApiError('UnsupportedMediaType', message)
  if (status === 404) return new ApiError('NotFound', message)
  if (typeof status === 'number' && status >= 400 && status < 500) return new ApiError('BadRequest', message)
  // What the store refuses crosses the worker boundary by name.
  if (error instanceof Error && error.name === 'BusyError')
    return new ApiError('TooManyRequests', 'the hub has more writes waiting than it takes; try again shortly', { retryAfterSeconds: 1 })
  if (error instanceof Error && error.name === 'StorageError')
    return new ApiError('ServiceUnavailable', 'the database refused the write; nothing was changed. The hub log says why', { cause: error })
  return new ApiError('InternalError', 'the hub failed; its log has the cause under this request id', { cause: error })
}

export function registerErrorHandler(app: FastifyInstance, log: Log, resources: Resources): void {
  app.setErrorHandler(async (raw, request, reply) => {
    const error = toApiError(raw)
    if (error.status >= 500) log.error({ error: raw, requestId: request.id, url: request.url }, 'a request failed')
    if (error.details.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.details.retryAfterSeconds))
    // fastify sets it when a body was refused; HTTP/2 has no such header.
    if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection')
    if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="moorline"')
    request.auditDetail ??= error.status === 403 ? error.message : error.reason
    return reply
      .code(error.status)
      .type('application/json')
      .send(JSON.stringify(toStatus(error, resources)))
  })
}
