// /livez, /readyz and /metrics.
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../types.ts'

export function registerHealth(app: FastifyInstance, { readiness, metrics }: ApiDeps): void {
  const config = { access: 'public' } as const
  const plain = 'text/plain; charset=utf-8'

  app.get('/livez', { config }, (_request, reply) => reply.type(plain).send('ok'))

  app.get('/readyz', { config }, async (request, reply) => {
    const rows = await readiness()
    const isReady = rows.every((row) => row.ok)
    reply.code(isReady ? 200 : 503).type(plain)
    const { verbose } = request.query as { verbose?: string }
    if (isReady && verbose === undefined) return reply.send('ok')
    // Why a part fails may name addresses and files: for users, not for whoever reaches the port.
    const lines = rows.map(({ name, ok, message }) =>
      ok ? `[+]${name} ok` : `[-]${name} failed: ${request.user ? message : 'sign in to see the reason'}`,
    )
    return reply.send(`${[...lines, `readyz check ${isReady ? 'passed' : 'failed'}`].join('\n')}\n`)
  })

  app.get('/metrics', { config: { access: { verb: 'get', kind: 'Metrics' } } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}
