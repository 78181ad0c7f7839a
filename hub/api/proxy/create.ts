// The API of every cluster under /clusters/NAME/proxy, for kubectl and whatever else speaks it.
import type { FastifyInstance } from 'fastify'
import { createLiveAccess } from '../http/live-access.ts'
import type { UpgradeRoute } from '../types.ts'
import { createProxyAudit } from './audit.ts'
import { forward } from './forward.ts'
import { type KubeconfigRouteOptions, registerKubeconfig } from './kubeconfig.ts'
import type { ProxyDeps } from './types.ts'
import { upgradeRoute } from './upgrade.ts'

export interface Proxy {
  register(app: FastifyInstance): void
  upgrade: UpgradeRoute
  /** Ends the watches, which never end by themselves and are begun again by every client; what else is open may finish. */
  drain(): void
  close(): void
}

export function createProxy(options: ProxyDeps & Pick<KubeconfigRouteOptions, 'facts'>): Proxy {
  const parts = { ...options, audit: createProxyAudit(options.store, options.clock), watches: new Set<() => void>() }
  const live = createLiveAccess(options.resources, options.clock)
  return {
    register(app) {
      registerKubeconfig(app, options)
      void app.register(async (scope) => {
        // Bodies go on as they come: no parser, no limit, no deadline.
        scope.removeAllContentTypeParsers()
        scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
        for (const url of ['/clusters/:name/proxy', '/clusters/:name/proxy/*'])
          scope.route({
            method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
            url,
            config: { access: { verb: 'get', kind: 'Cluster', subresource: 'proxy' } },
            handler: (request, reply) => forward(request, reply, parts, live),
          })
      })
    },
    upgrade: upgradeRoute(parts),
    drain() {
      for (const end of parts.watches) end()
    },
    close: () => live.close(),
  }
}
