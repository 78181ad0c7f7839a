// GET /install.sh and GET /artifacts/NAME: public, because a machine that is about to join has no credentials. They hold no secret.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Artifacts } from './artifacts.ts'
import type { InstallFacts } from './facts.ts'
import { installScript } from './script.ts'

export interface InstallRoutesDeps {
  /** Asked for each script: pins change when a key is rotated. */
  facts(): InstallFacts
  artifacts: Artifacts
  /** Downloads at one time, 32 unless given: more wait with Retry-After instead of sharing the port to death. */
  maxDownloads?: number
}

const retryAfterSeconds = 20

export function registerInstallRoutes(app: FastifyInstance, { facts, artifacts, maxDownloads = 32 }: InstallRoutesDeps): void {
  let downloads = 0

  app.get('/install.sh', { config: { access: 'public' } }, async (_request, reply) => {
    const agents = await artifacts.agents()
    if (agents.length === 0) return refuse(reply, 503, 'This hub has no agent binary to hand out: run `npm run build` beside it.')
    return reply
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff')
      .type('text/x-shellscript; charset=utf-8')
      .send(installScript(facts(), agents))
  })

  app.get<{ Params: { name: string } }>('/artifacts/:name', { config: { access: 'public' } }, async (request, reply) => {
    const path = artifacts.path(request.params.name)
    if (path === undefined) return refuse(reply, 404, 'There is no artifact of this name.')
    if (downloads >= maxDownloads) {
      reply.header('retry-after', String(retryAfterSeconds))
      return refuse(reply, 503, `${maxDownloads} downloads are under way; try again in ${retryAfterSeconds} s.`)
    }
    const { size } = await stat(path)
    downloads += 1
    const stream = createReadStream(path, { highWaterMark: 256 * 1024 })
    stream.once('close', () => {
      downloads -= 1
    })
    return reply
      .header('content-length', String(size))
      .header('x-content-type-options', 'nosniff')
      .type('application/octet-stream')
      .send(stream)
  })
}

function refuse(reply: FastifyReply, code: number, message: string): FastifyReply {
  return reply.code(code).type('text/plain; charset=utf-8').send(`${message}\n`)
}
