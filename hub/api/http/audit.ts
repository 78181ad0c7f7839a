// Every write and every refusal is in the audit log before its answer leaves.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '#shared/clock/clock.ts'
import type { ApiDeps } from '../types.ts'
import { isWrite } from './guard.ts'

/** Refusals of callers that never proved who they are: this many a second are written, so that a flood cannot fill the disk. */
const anonymousPerSecond = 10

export interface AnonymousRows {
  mayWrite(): boolean
  /** Rows that were not written since it was last asked. */
  takeSkipped(): number
}

export function createAnonymousRows(clock: Clock): AnonymousRows {
  let windowEndsAtMs = 0
  let inWindow = 0
  let notWritten = 0
  return {
    mayWrite() {
      const now = clock.monotonicMs()
      if (now >= windowEndsAtMs) {
        windowEndsAtMs = now + 1000
        inWindow = 0
      }
      if (inWindow++ < anonymousPerSecond) return true
      notWritten++
      return false
    },
    takeSkipped() {
      const skipped = notWritten
      notWritten = 0
      return skipped
    },
  }
}

export function registerAudit(app: FastifyInstance, { store, clock }: ApiDeps): void {
  const anonymous = createAnonymousRows(clock)

  app.addHook('onSend', async (request, reply, payload) => {
    if (request.isAuditWritten || !isWorthAudit(request, reply.statusCode)) return payload
    if (!request.user && reply.statusCode >= 400 && !anonymous.mayWrite()) return payload
    request.isAuditWritten = true
    const isDenied = request.isOutside === true || [401, 403, 429].includes(reply.statusCode)
    const skipped = request.user ? 0 : anonymous.takeSkipped()
    // What stands behind a wildcard is what was asked for.
    const path = request.routeOptions.url?.endsWith('/*') && `${request.method} ${request.url.split('?')[0]?.slice(0, 512)}`
    const detail = [path, request.auditDetail, skipped > 0 && `${skipped} refusals before it were not written`]
    const { verb, resource } = describe(request)
    await store.appendAudit({
      at: clock.now().toISOString(),
      user: request.user?.name ?? 'system:anonymous',
      verb,
      resource,
      name: request.auditName ?? (request.params as { name?: string } | undefined)?.name ?? '',
      decision: isDenied ? 'deny' : 'allow',
      result: String(reply.statusCode),
      remoteAddress: request.ip,
      detail: detail.filter(Boolean).join('; ').slice(0, 1024) || undefined,
    })
    return payload
  })
}

function isWorthAudit(request: FastifyRequest, status: number): boolean {
  const { config } = request.routeOptions
  if (config.isAudited === false) return false
  if (isWrite(request)) return config.access !== undefined
  // A read that has made something says what.
  if (request.auditDetail !== undefined && status < 400) return true
  // Somebody who looks around without any credential is not news; one who shows a wrong one is.
  return request.isOutside === true || status === 403 || ((status === 401 || status === 429) && hasCredentials(request))
}

function hasCredentials(request: FastifyRequest): boolean {
  return request.headers.authorization !== undefined || request.headers.cookie !== undefined
}

function describe(request: FastifyRequest): { verb: string; resource: string } {
  const { access } = request.routeOptions.config
  if (typeof access !== 'object') return { verb: request.method.toLowerCase(), resource: request.routeOptions.url ?? '(no route)' }
  return { verb: access.verb, resource: access.subresource ? `${access.kind}/${access.subresource}` : access.kind }
}
