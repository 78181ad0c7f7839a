// A failure as the API of a cluster says it: what kubectl prints is `message`.
import { parseJson } from '#shared/schema/safe-json.ts'
import { plainLine } from '#shared/schema/plain-line.ts'

export interface KubeFailure {
  code: number
  /** Kubernetes' word for it: ServiceUnavailable, Forbidden. */
  reason: string
  /** What, where, what next. */
  message: string
  /** One word for programs: a code of the tunnel catalogue or of the agent. */
  cause?: string
}

export function statusBody({ code, reason, message, cause }: KubeFailure): string {
  return JSON.stringify({
    ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason },
    ...(cause !== undefined && { details: { causes: [{ reason: cause, message }] } }),
    code,
  })
}

const maxDepth = 64

/** `: ` and the message of a Status that somebody else has sent, as one safe line; '' when the body has none. */
export function saidBy(body: Buffer, maxBytes: number): string {
  try {
    const value = parseJson(body, { maxBytes, maxDepth }) as { message?: unknown } | null
    if (typeof value?.message === 'string' && value.message !== '') return `: ${plainLine(value.message, 512)}`
  } catch {
    // No JSON, or too much of it: the status alone is said.
  }
  return ''
}
