// The gateway: one TCP port in, agents' TLS, NATS and gRPC behind it. Puts the parts together and owns their order of start
// and end; each part is a file of its own.
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { waitFor } from '#shared/clock/clock.ts'
import { ApiError, OperatorError } from '#shared/errors/api-error.ts'
import { createBus } from './bus/bus.ts'
import type { BusTarget } from './bus/connection.ts'
import { createEventQueue } from './bus/event-queue.ts'
import { createGrpcServers } from './grpc/servers.ts'
import { createBridge } from './nats/bridge.ts'
import { openNatsAuthority } from './nats/authority.ts'
import { isUserPublicKey, verifierFor } from './nats/nkey.ts'
import { type NatsServer, startNatsServer } from './nats/server.ts'
import { createViolations } from './nats/violations.ts'
import { createAgentTls } from './port/agent-tls.ts'
import { createConnections } from './port/connections.ts'
import { createPort } from './port/listen.ts'
import { limitSecurityEvents } from './security-events.ts'
import type { Gateway, GatewayOptions } from './types.ts'

const defaultHandshakesPerSecond = 400
const defaultMaxSockets = 25_000
/** The hub's own, beside those of the agents. */
const ownConnections = 16
/** An agent sends one batch and waits: more than a few in flight is a fault. */
const queueLimits = { perAgent: 4, totalBytes: 64 * 1024 * 1024 }
const sweepMs = 30_000
/** Another process may rotate the CA, and a CA without certificates left is forgotten. */
const refreshMs = 10 * 60 * 1000
/** revoke() waits this long for the NATS server's word; the revocation itself is durable before. */
const revokeWaitMs = 4_000

/** Throws OperatorError when the NATS server cannot be started or its keys are damaged. The caller holds the lock of dataDir. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { pki, clock, random, log, handlers } = options
  const external = options.natsUrl === undefined ? undefined : parseNatsUrl(options.natsUrl)
  const refused: Record<string, number> = {}
  const onRefused = (reason: string): void => {
    refused[reason] = (refused[reason] ?? 0) + 1
  }
  const onSecurityEvent = limitSecurityEvents(clock, (event) => {
    log.warn({ ...event }, 'refused')
    handlers.onSecurityEvent?.(event)
  })
  const violations = createViolations({ clock, onSecurityEvent })
  const revoked = new Set<string>()

  const authority = await openNatsAuthority({ directory: join(options.dataDir, 'nats'), clock, random, log, target: () => target() })
  let server: NatsServer | undefined
  const target = (): BusTarget | undefined => {
    if (external !== undefined) return external
    const address = server?.address()
    return address === undefined ? undefined : { ...address, isTls: false }
  }
  const connections = createConnections({
    onLastGone: (agentId) => handlers.onDisconnect(agentId),
    onTooMany: ({ agentId, address }) =>
      onSecurityEvent({ kind: 'TooManyConnections', agentId, address, message: 'the oldest of too many connections was closed' }),
  })
  const queue = createEventQueue(queueLimits)
  const bus = createBus({
    target,
    credentials: authority.hubCredentials,
    handlers,
    queue,
    isRevoked: (agentId) => revoked.has(agentId),
    addressOf: connections.addressOf,
    onSecurityEvent,
    clock,
    random,
    log,
  })
  if (external !== undefined) authority.tellServer()
  else {
    server = await startNatsServer({
      directory: authority.directory,
      binary: options.natsServerBinary,
      config: (paths) => authority.embeddedConfig({ ...paths, maxConnections: (options.maxSockets ?? defaultMaxSockets) + ownConnections }),
      onReady: () => bus.poke(),
      onLogLine: violations.read,
      clock,
      random,
      log,
    }).catch(async (error: unknown) => {
      await bus.close()
      throw error
    })
  }

  const grpc = createGrpcServers({
    handlers,
    queue,
    artifacts: options.artifacts,
    onSecurityEvent,
    hasReflection: options.hasReflection ?? false,
    log,
  })
  const bridge = createBridge({
    upstream: () => target(),
    dial: external?.isTls === true ? ({ host, port }) => connectTls({ host, port, servername: host }) : undefined,
    agentSigner: verifierFor(authority.agentSignerPublicKey),
    connections: violations,
    clock,
    onRefused,
    onSecurityEvent,
  })
  const agentTls = createAgentTls({
    pki,
    connections,
    handlers,
    onEnrollSocket: grpc.injectEnroll,
    onGrpcSocket: grpc.injectAgent,
    onNatsSocket: bridge,
    onTunnelSocket: options.onTunnelSocket,
    onRefused,
    onSecurityEvent,
  })
  const port = createPort({
    clock,
    log,
    handshakesPerSecond: options.handshakesPerSecond ?? defaultHandshakesPerSecond,
    maxSockets: options.maxSockets ?? defaultMaxSockets,
    onAgentSocket: agentTls.accept,
    onWebSocket: options.onWebSocket,
    onRefused,
  })

  const closing = new AbortController()
  const every = async (periodMs: number, run: () => void | Promise<void>): Promise<void> => {
    for (;;) {
      await waitFor(clock, periodMs, closing.signal)
      await run()
    }
  }
  const endedByClose = (error: unknown): void => {
    if (!closing.signal.aborted) log.error({ error: (error as Error).message }, 'a periodic job of the gateway has ended')
  }
  // A connection must not outlive the certificate it was opened with, nor the permission.
  every(sweepMs, () =>
    connections.sweep(({ agentId, serial, notAfter }) => notAfter <= clock.now() || !handlers.isAllowed(agentId, serial).ok),
  ).catch(endedByClose)
  every(refreshMs, async () => {
    await pki.refresh()
    agentTls.reload()
  }).catch(endedByClose)

  return {
    async listen(address) {
      const bound = await port.listen(address)
      grpc.health.set(true)
      log.info({ host: address.host, port: bound.port }, 'listening')
      return bound
    },
    sendOrder: bus.sendOrder,
    notify: (agentId, kind) => bus.notify(agentId, { kind }),
    requestTunnel: (agentId, { tunnelClass, ticket }) =>
      bus.notify(agentId, { kind: 'OpenTunnel', openTunnel: { sessionClass: tunnelClass, ticket } }),
    async revoke(agentId) {
      revoked.add(agentId)
      connections.close(agentId)
      await authority.revoke(agentId, revokeWaitMs)
      connections.close(agentId)
    },
    closeConnections: connections.close,
    async natsUserJwt(agentId, natsPublicKey) {
      if (!isUserPublicKey(natsPublicKey)) throw new ApiError('Invalid', 'The NATS public key is not that of a user.')
      return authority.issueUser(agentId, natsPublicKey)
    },
    isConnected: (agentId) => connections.has(agentId, 'nats'),
    readiness: () => [
      {
        name: 'nats',
        ok: bus.isConnected(),
        message: bus.isConnected() ? 'connected' : 'the hub is not connected to the NATS server; it tries again by itself',
      },
      {
        name: 'nats-revocations',
        ok: !authority.isPushPending(),
        message: authority.isPushPending() ? 'revocations wait for the NATS server to confirm them' : 'all confirmed',
      },
    ],
    stats() {
      const { nats, grpc: calls, tunnel, agents } = connections.counts()
      return {
        connections: { nats, grpc: calls, tunnel, enroll: agentTls.enrolling() },
        agents,
        peeking: port.peeking(),
        waitingHandshakes: port.waiting(),
        refused: { ...refused },
        messages: bus.counters(),
        queuedEventBytes: queue.bytes(),
        natsRestarts: server?.restarts() ?? 0,
      }
    },
    async close() {
      closing.abort(new Error('closed'))
      grpc.health.set(false)
      await port.close()
      agentTls.close()
      grpc.close()
      await bus.close()
      await authority.close()
      await server?.stop()
    },
  }
}

function parseNatsUrl(text: string): BusTarget {
  const url = URL.parse(text)
  if (url === null || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '' || url.username !== '' || url.pathname.length > 1) {
    throw new OperatorError(
      'NatsUrlInvalid',
      'The URL of the external NATS server is not valid.',
      'Give nats://host:port, or tls://host:port for a server with tls { handshake_first: true }; credentials are made by the hub.',
    )
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 4222), isTls: url.protocol === 'tls:' }
}
