// Every write and every refusal is in the audit log before its answer leaves.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../types.ts'
import { isWrite } from './guard.ts'

/** Refusals of callers that never proved who they are: this many a second are written, so that a flood cannot fill the disk. */
const anonymousPerSecond = 10

export function registerAudit(app: FastifyInstance, { store, clock }: ApiDeps): void {
  let windowEndsAtMs = 0
  let inWindow = 0
  let notWritten = 0

  function mayWriteAnonymous(): boolean {
    const now = clock.monotonicMs()
    if (now >= windowEndsAtMs) {
      windowEndsAtMs = now + 1000
      inWindow = 0
    }
    if (inWindow++ < anonymousPerSecond) return true
    notWritten++
    return false
  }

  app.addHook('onSend', async (request, reply, payload) => {
    if (request.isAuditWritten || !isWorthAudit(request, reply.statusCode)) return payload
    if (!request.user && reply.statusCode >= 400 && !mayWriteAnonymous()) return payload
    request.isAuditWritten = true
    const isDenied = [401, 403, 429].includes(reply.statusCode)
    const detail = [request.auditDetail, notWritten > 0 && !request.user && `${notWritten} refusals before it were not written`]
    if (!request.user) notWritten = 0
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
  // Somebody who looks around without any credential is not news; one who shows a wrong one is.
  return status === 403 || ((status === 401 || status === 429) && hasCredentials(request))
}

function hasCredentials(request: FastifyRequest): boolean {
  return request.headers.authorization !== undefined || request.headers.cookie !== undefined
}

function describe(request: FastifyRequest): { verb: string; resource: string } {
  const { access } = request.routeOptions.config
  if (typeof access !== 'object') return { verb: request.method.toLowerCase(), resource: request.routeOptions.url ?? '(no route)' }
  return { verb: access.verb, resource: access.subresource ? `${access.kind}/${access.subresource}` : access.kind }
}
