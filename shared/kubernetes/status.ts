// A failure as the API of a cluster says it: what kubectl prints is `message`.

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
