import { type ErrorCode, errorCatalogue } from './catalogue.ts'

export interface ErrorCause {
  field?: string
  reason?: string
  message: string
}

/** An error that can leave through the API as a Kubernetes Status, with the catalogue's status and reason. */
export class ApiError extends Error {
  readonly code: ErrorCode
  readonly causes: readonly ErrorCause[]
  readonly details: { kind?: string; name?: string; retryAfterSeconds?: number }
  constructor(
    code: ErrorCode,
    message: string,
    extra: { causes?: readonly ErrorCause[]; kind?: string; name?: string; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause })
    this.name = 'ApiError'
    this.code = code
    this.causes = extra.causes ?? []
    this.details = { kind: extra.kind, name: extra.name, retryAfterSeconds: extra.retryAfterSeconds }
  }
  get status(): number {
    return errorCatalogue[this.code].status
  }
  get reason(): string {
    return errorCatalogue[this.code].reason
  }
}

/** The same error in what an operator reads on a terminal: what happened, then what to do. */
export class OperatorError extends Error {
  readonly code: string
  readonly next: string
  constructor(code: string, message: string, next: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'OperatorError'
    this.code = code
    this.next = next
  }
}
