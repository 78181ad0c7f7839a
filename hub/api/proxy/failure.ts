// Why a cluster could not be asked, as a Status that kubectl prints: who is in the way and what to do next.
import { ApiError } from '#shared/errors/api-error.ts'
import { TunnelError, type TunnelErrorCode, tunnelErrorCatalogue } from '#shared/errors/tunnel-error.ts'
import { DialError, type DialErrorCode } from '#shared/errors/dial-error.ts'
import type { KubeFailure } from '#shared/kubernetes/status.ts'

const statusOf: Readonly<Record<TunnelErrorCode, number>> = {
  NotAllowed: 403,
  TargetNotAllowed: 503,
  TargetUnreachable: 502,
  AgentUnreachable: 504,
  IdentityRefused: 503,
  Busy: 503,
  Timeout: 504,
  Canceled: 503,
  Lost: 502,
  Reset: 502,
  Draining: 503,
}

/** Of a cluster that the hub dials itself. */
const dialStatus = (code: DialErrorCode): number => (code === 'DialTimeout' ? 504 : 502)

const reasonOf = (status: number): string => (status === 403 ? 'Forbidden' : status === 504 ? 'Timeout' : 'ServiceUnavailable')

/** `subject` is what could not be reached: `machine one`. */
export function tunnelFailure(error: TunnelError, subject: string): KubeFailure {
  const code = statusOf[error.code]
  return {
    code,
    reason: reasonOf(code),
    message: `${subject}: ${error.message}. ${tunnelErrorCatalogue[error.code].next}`,
    cause: error.code,
  }
}

/** Undefined: not a failure of the way to the cluster, but one of the hub itself. */
export function failureOf(error: unknown, cluster: string): KubeFailure | undefined {
  if (error instanceof ApiError) return undefined
  if (error instanceof TunnelError) return tunnelFailure(error, `cluster ${cluster}`)
  if (error instanceof DialError) {
    const code = dialStatus(error.code)
    return { code, reason: reasonOf(code), message: `cluster ${cluster}: ${error.message}. ${error.next}`, cause: error.code }
  }
  const { code, syscall, message } = error as NodeJS.ErrnoException
  // What sockets and TLS report has a code; a fault in this program has none.
  if (code === undefined) return undefined
  const what =
    syscall === undefined && code.startsWith('ERR_INVALID') ? undefined : `the connection has failed before the answer (${message})`
  if (what === undefined) return undefined
  return {
    code: 502,
    reason: 'ServiceUnavailable',
    message: `cluster ${cluster}: ${what}. Try again; see the cluster's conditions if it stays`,
    cause: code,
  }
}

/** The cluster does not accept what the hub or its agent shows; that is no fault of the user's own token. */
export const refusedCredentials = (cluster: string): KubeFailure => ({
  code: 502,
  reason: 'ServiceUnavailable',
  message: `cluster ${cluster}: the API server does not accept the credentials that the hub has for it. Renew its Credential; see the cluster's conditions`,
  cause: 'CredentialsRefused',
})

/** What would follow a 101 is not what the client speaks. */
export const otherProtocol = (cluster: string): KubeFailure => ({
  code: 502,
  reason: 'ServiceUnavailable',
  message: `cluster ${cluster}: the API server has changed to a protocol that it was not asked for. Try again without a proxy between the agent and the API server`,
  cause: 'TargetUnreachable',
})
