// The API's errors in gRPC's words. What is not meant for the caller becomes INTERNAL without its text.
import { type ServiceError, status } from '@grpc/grpc-js'
import { ApiError } from '#shared/errors/api-error.ts'
import type { ErrorCode } from '#shared/errors/catalogue.ts'
import type { Log } from '#shared/log/log.ts'

const statusOf: Partial<Record<ErrorCode, status>> = {
  BadRequest: status.INVALID_ARGUMENT,
  Invalid: status.INVALID_ARGUMENT,
  RequestEntityTooLarge: status.INVALID_ARGUMENT,
  Unauthorized: status.UNAUTHENTICATED,
  Forbidden: status.PERMISSION_DENIED,
  NotFound: status.NOT_FOUND,
  AlreadyExists: status.ALREADY_EXISTS,
  Conflict: status.ABORTED,
  Expired: status.FAILED_PRECONDITION,
  TooManyRequests: status.RESOURCE_EXHAUSTED,
  ServiceUnavailable: status.UNAVAILABLE,
}

export class CallError extends Error {
  readonly code: status
  constructor(code: status, message: string) {
    super(message)
    this.name = 'CallError'
    this.code = code
  }
}

export function toServiceError(error: unknown, log: Log, method: string): Partial<ServiceError> {
  if (error instanceof CallError) return { code: error.code, details: error.message }
  if (error instanceof ApiError && error.code !== 'InternalError') {
    return { code: statusOf[error.code] ?? status.FAILED_PRECONDITION, details: error.message }
  }
  log.error({ method, error: error instanceof Error ? error.message : String(error) }, 'a call has failed')
  return { code: status.INTERNAL, details: 'The hub could not handle the call; its log has the cause.' }
}
