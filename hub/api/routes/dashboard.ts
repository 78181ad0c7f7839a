// The built dashboard from staticDir: hashed assets are kept for a year, index.html never, and only a browser that navigates is given
// index.html for a path that does not exist. Of each file the .br or .gz beside it is sent when the browser takes it.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../types.ts'

const notBuilt = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Moorline</title></head><body>
<h1>Moorline</h1><p>The hub is running. Its dashboard is not built: run <code>npm run build</code> and reload this page.</p>
<p>kubectl works now: <code>kubectl --kubeconfig .moorline/admin.kubeconfig get machines</code></p></body></html>\n`

export async function registerDashboard(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  const config = { access: 'public' } as const
  const sendIndex = sendIndexOf(deps)
  await app.register(fastifyStatic, { root: rootOf(deps), serve: false, preCompressed: true, suppressMissingRootWarning: true } as never)

  app.get('/', { config }, (_request, reply) => sendIndex(reply))
  app.get('/index.html', { config }, (_request, reply) => sendIndex(reply))
  app.get('/assets/*', { config }, (request, reply) =>
    reply
      .header('cache-control', 'public, max-age=31536000, immutable')
      .sendFile(join('assets', (request.params as { '*': string })['*']), fileOptions),
  )
  app.get('/:file(^[A-Za-z0-9_-]{1,64}\\.(?:svg|png|ico|txt|webmanifest)$)', { config }, (request, reply) =>
    reply.header('cache-control', 'public, max-age=3600').sendFile((request.params as { file: string }).file, fileOptions),
  )
}

const fileOptions = { cacheControl: false, index: false, dotfiles: 'deny' } as never
const rootOf = ({ staticDir }: ApiDeps) => resolve(staticDir ?? '/nonexistent')

export function sendIndexOf(deps: ApiDeps): (reply: FastifyReply) => FastifyReply {
  const root = rootOf(deps)
  return (reply) => {
    reply.header('cache-control', 'no-cache')
    // Looked at each time: it may be built while the hub runs.
    if (!existsSync(join(root, 'index.html'))) return reply.type('text/html; charset=utf-8').send(notBuilt)
    return reply.sendFile('index.html', fileOptions)
  }
}

/** Navigation, as opposed to a fetch, an image or a script. */
export function isNavigation(request: FastifyRequest): boolean {
  if (request.method !== 'GET' || !/\btext\/html\b/.test(request.headers.accept ?? '')) return false
  const mode = request.headers['sec-fetch-mode']
  return (
    (mode === undefined || mode === 'navigate') && !/^\/(apis?|auth|openapi|assets|metrics|livez|readyz|version)(\/|$|\?)/.test(request.url)
  )
}
