// What went wrong with a request, in words for the person who made it: reason, message, what to do next.
import { errorCatalogue } from '#shared/errors/catalogue.ts'

export interface FailureCause {
  field?: string
  message: string
}

export class ApiFailure extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  /** Kubernetes' word, or `Unreachable`. */
  readonly reason: string
  readonly next: string
  readonly causes: readonly FailureCause[]
  constructor(status: number, reason: string, message: string, causes: readonly FailureCause[] = []) {
    super(message)
    this.name = 'ApiFailure'
    this.status = status
    this.reason = reason
    this.causes = causes
    this.next = nextStep(reason)
  }
}

function nextStep(reason: string): string {
  if (reason === 'Unreachable') return 'Check that the hub is running and reachable from this browser; the page reconnects by itself.'
  const entry = Object.values(errorCatalogue).find((known) => known.reason === reason)
  return entry?.next ?? 'Try again; if it stays, look at the hub’s log.'
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Reads a Kubernetes Status; anything else becomes a failure by its HTTP status alone. */
export function failureFromStatus(httpStatus: number, body: unknown): ApiFailure {
  const status = isRecord(body) ? body : {}
  const byCode = Object.values(errorCatalogue).find((known) => known.status === httpStatus)
  const reason = typeof status.reason === 'string' ? status.reason : (byCode?.reason ?? 'InternalError')
  const message = typeof status.message === 'string' ? status.message : `The hub answered with HTTP status ${httpStatus}.`
  const details = isRecord(status.details) ? status.details : {}
  const causes = Array.isArray(details.causes) ? details.causes : []
  return new ApiFailure(
    httpStatus,
    reason,
    message,
    causes
      .filter(isRecord)
      .map((cause) => ({ field: cause.field === undefined ? undefined : String(cause.field), message: String(cause.message ?? '') })),
  )
}

export function asFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error
  return new ApiFailure(0, 'Unreachable', 'The hub did not answer.')
}
