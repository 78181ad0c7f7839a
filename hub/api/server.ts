// Composition of the API: one list of what is registered, in order.
import { randomUUID } from 'node:crypto'
import { type FastifyInstance, fastify } from 'fastify'
import { ApiError } from '#shared/errors/api-error.ts'
import { registerBodyParser } from './body/parser.ts'
import { registerErrorHandler } from './errors.ts'
import { registerAudit } from './http/audit.ts'
import { createFailureLimiter } from './http/failure-limiter.ts'
import { registerGuard } from './http/guard.ts'
import { createLiveAccess } from './http/live-access.ts'
import { registerSecurityHeaders } from './http/security-headers.ts'
import { createTransport, defaultHttpLimits } from './http/transport.ts'
import { createUpgrades } from './http/upgrades.ts'
import { createPresenter } from './present/presenter.ts'
import { registerAuditEvents } from './routes/audit-events.ts'
import { isNavigation, registerDashboard, sendIndexOf } from './routes/dashboard.ts'
import { registerDiscovery } from './routes/discovery.ts'
import { registerHealth } from './routes/health.ts'
import { registerLogin } from './routes/login.ts'
import { registerReads } from './routes/read.ts'
import { registerReviews } from './routes/reviews.ts'
import { registerTaskRoutes } from './routes/tasks.ts'
import { registerWrites } from './routes/write.ts'
import type { Api, ApiDeps, RouteInfo } from './types.ts'
import { createWatcher } from './watch/serve.ts'
import { createStreams, defaultWatchLimits } from './watch/streams.ts'

export async function createApi(deps: ApiDeps): Promise<Api> {
  const watchLimits = { ...defaultWatchLimits, ...deps.watchLimits }
  const httpLimits = { ...defaultHttpLimits, ...deps.httpLimits }
  const transport = createTransport(deps.tls, httpLimits, deps.clock, deps.log)
  const app = fastify({
    serverFactory: transport.serverFactory,
    logger: false,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    // Ended by the transport together with its connections.
    forceCloseConnections: false,
  }) as unknown as FastifyInstance

  const routes: RouteInfo[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    const access = config?.access
    if (!access) throw new Error(`the route ${String(method)} ${url} does not say who may call it (config.access)`)
    for (const one of [method].flat()) routes.push({ method: one, url, access })
  })

  const failures = createFailureLimiter(deps.clock)
  const live = createLiveAccess(deps.resources, deps.clock)
  const upgrades = createUpgrades(deps, failures, live)
  for (const { path, access } of deps.upgrades ?? []) routes.push({ method: 'UPGRADE', url: path, access })
  transport.setUpgrades(upgrades)
  const presenter = createPresenter(deps.resources, deps.store, deps.decorate ?? ((object) => object))
  const streams = createStreams(deps, watchLimits)
  const watcher = createWatcher(deps, presenter, streams, watchLimits)

  registerBodyParser(app, deps.clock, httpLimits.bodyTimeoutMs)
  registerErrorHandler(app, deps.log, deps.resources)
  registerSecurityHeaders(app)
  registerGuard(app, deps, failures)
  registerAudit(app, deps)
  registerRequestMetrics(app, deps)
  registerHealth(app, deps)
  registerDiscovery(app, deps)
  registerReviews(app, deps, routes)
  registerLogin(app, deps, failures)
  registerReads(app, deps, presenter, watcher)
  registerWrites(app, deps, presenter)
  registerTaskRoutes(app, deps, presenter, streams, watchLimits.defaultTimeoutSeconds)
  registerAuditEvents(app, deps, streams, watchLimits.defaultTimeoutSeconds)
  await registerDashboard(app, deps)
  for (const register of deps.routes ?? []) register(app)
  registerNotFound(app, deps)
  await app.ready()

  return {
    acceptSocket: (socket) => transport.acceptSocket(socket),
    setTls: (tls) => transport.setTls(tls),
    routes,
    async close() {
      streams.closeAll()
      upgrades.closeAll()
      live.close()
      await transport.close()
      await app.close()
    },
  }
}

function registerRequestMetrics(app: FastifyInstance, { metrics, clock, log }: ApiDeps): void {
  app.addHook('onResponse', async (request, reply) => {
    const seconds = (clock.monotonicMs() - request.startedAtMs) / 1000
    const route = request.routeOptions.url ?? '(none)'
    metrics.requestFinished({ method: request.method, route, status: reply.statusCode, seconds })
    log.debug(
      { requestId: request.id, method: request.method, route, status: reply.statusCode, user: request.user?.name, seconds },
      'request',
    )
  })
}

function registerNotFound(app: FastifyInstance, deps: ApiDeps): void {
  const sendIndex = sendIndexOf(deps)
  const plurals = new Set(deps.resources.definitions().map((definition) => definition.plural))
  app.setNotFoundHandler((request, reply) => {
    if (isNavigation(request)) return sendIndex(reply)
    const path = request.url.split('?')[0]?.slice(0, 256) ?? ''
    const plural = /^\/apis\/moorline\.dev\/v1alpha1\/([^/]+)(?:\/[^/]+(?:\/status)?)?$/.exec(path)?.[1]
    if (plural !== undefined && plurals.has(plural)) throw new ApiError('MethodNotAllowed', `${request.method} is not possible on ${path}`)
    throw new ApiError('NotFound', `the server could not find the requested resource: ${request.method} ${path}`)
  })
}
