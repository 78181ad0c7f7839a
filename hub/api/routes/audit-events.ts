// The audit log as NDJSON, resumable by id.
import type { FastifyInstance } from 'fastify'
import { apiVersion } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { isTrue } from '../http/guard.ts'
import type { ApiDeps } from '../types.ts'
import type { Streams } from '../watch/streams.ts'

const pageRows = 500

export function registerAuditEvents(app: FastifyInstance, { store, log }: ApiDeps, streams: Streams, timeoutSeconds: number): void {
  app.get(`/apis/${apiVersion}/auditevents`, { config: { access: { verb: 'get', kind: 'AuditEvent' } } }, (request, reply) => {
    const query = request.query as Record<string, string | undefined>
    const after = Number(query.after ?? 0)
    if (!(Number.isSafeInteger(after) && after >= 0)) throw new ApiError('BadRequest', 'after must be the id of an audit row')
    const stream = streams.open(request, reply, 'application/x-ndjson', timeoutSeconds)
    let wake: () => void = () => {}
    let hasMore = true
    const subscription = store.onAudit(() => {
      hasMore = true
      wake()
    })
    stream.onEnd(() => {
      subscription.close()
      wake()
    })

    async function run(): Promise<void> {
      let last = after
      while (stream.isOpen) {
        hasMore = false
        const rows = await store.audit(last, pageRows)
        for (const row of rows) {
          stream.write(`${JSON.stringify(row)}\n`)
          last = row.id
        }
        await stream.drained()
        if (rows.length === pageRows || hasMore) continue
        if (!isTrue(query.follow)) return stream.end('timeout')
        await new Promise<void>((resolve) => (hasMore || !stream.isOpen ? resolve() : (wake = resolve)))
      }
    }
    run().catch((error: unknown) => {
      log.error({ error, requestId: request.id }, 'reading the audit log failed')
      stream.abort()
    })
    return reply
  })
}
