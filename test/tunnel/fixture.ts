// The hub's tunnels behind a real gateway, and agents' tunnel servers that dial it with real certificates, directly or through a
// relay. Only the notice over NATS is handed over here; tunnel.test.ts has that too.
import { createHash } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import { dialTunnel } from '#agent/link/tunnel-dial.ts'
import type { Identity } from '#agent/link/types.ts'
import { createTunnelServer, type TunnelServer, type TunnelServerOptions } from '#agent/tunnel/server.ts'
import { tcpTarget } from '#agent/tunnel/tcp-target.ts'
import type { TunnelTarget } from '#agent/tunnel/types.ts'
import { createTunnels } from '#hub/tunnel/create.ts'
import type { Tunnels, TunnelsOptions } from '#hub/tunnel/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { listenWith } from '#test/helpers/tcp.ts'
import { type Fixture, startFixture, type TestAgent } from '#test/hub/gateway/fixture.ts'
import { webcrypto } from 'node:crypto'

type Owner = Pick<ExecutionContext, 'teardown'>

export interface TunnelFleet extends Fixture {
  tunnels: Tunnels
  /** A new agent that serves these targets; TCP ports of this machine, or targets made by hand. */
  member(options?: MemberOptions): Promise<Member>
}

export interface MemberOptions {
  targets?: Record<string, number | TunnelTarget>
  /** Port of a relay before the hub. */
  through?: number
  server?: Partial<TunnelServerOptions>
  /** The agent does not hear the first so many requests for a connection. */
  deafFor?: number
}

export interface Member {
  agentId: string
  identity: TestAgent
  server: TunnelServer
  /** How often the hub asked for a connection. */
  asked(): number
}

export async function startTunnelFleet(t: Owner, options: Partial<TunnelsOptions> = {}): Promise<TunnelFleet> {
  const members = new Map<string, (request: { tunnelClass: string; ticket: string }) => void>()
  const fixture = await startFixture({ onTunnelSocket: (socket, peer) => tunnels.accept(socket, peer) })
  t.teardown(() => fixture.close())
  const tunnels = createTunnels({
    gateway: {
      requestTunnel: (agentId, request) => members.get(agentId)?.(request),
      isAllowed: (agentId) => (fixture.denied.has(agentId) ? { ok: false, reason: 'Revoked' } : { ok: true }),
    },
    authorise: () => ({ ok: true }),
    randomBytes: (count) => webcrypto.getRandomValues(new Uint8Array(count)),
    clock: systemClock,
    log: silentLog,
    drainMs: 1_000,
    ...options,
  })
  t.teardown(() => tunnels.close())
  return {
    ...fixture,
    tunnels,
    async member({ targets = {}, through, server: more = {}, deafFor = 0 } = {}) {
      const agent = await fixture.agent()
      const identity = {
        cert: agent.chainPem,
        key: agent.keyPem,
        fleetCa: fixture.pki.fleetCaPem,
        pins: fixture.pki.pins,
      } as unknown as Identity
      const hub = { host: '127.0.0.1', port: through ?? fixture.port }
      const server = createTunnelServer({
        dial: (tunnelClass, signal) => dialTunnel(tunnelClass, { identity, hub, clock: systemClock, signal }),
        targets: Object.fromEntries(
          Object.entries(targets).map(([name, target]) => [
            name,
            typeof target === 'number' ? tcpTarget({ host: '127.0.0.1', port: target }, systemClock) : target,
          ]),
        ),
        clock: systemClock,
        log: silentLog,
        ...more,
      })
      t.teardown(() => server.stop())
      let asked = 0
      members.set(agent.agentId, ({ tunnelClass, ticket }) => {
        asked += 1
        if (asked > deafFor) server.onNotice({ sessionClass: tunnelClass, ticket })
      })
      return { agentId: agent.agentId, identity: agent, server, asked: () => asked }
    },
  }
}

/** A TCP service of this machine. Its connections may be half open, and are broken when the test ends. */
export async function startService(
  t: Owner,
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; server: Server; open(): number }> {
  const server = createServer({ allowHalfOpen: true }, onConnection)
  let open = 0
  server.on('connection', (socket) => {
    open += 1
    socket.once('close', () => (open -= 1))
  })
  return { port: await listenWith(t, server), server, open: () => open }
}

/** Everything until the clean end; rejects when there is none. */
export async function readAll(stream: NodeJS.ReadableStream & AsyncIterable<unknown>): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of stream) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  return { bytes, sha256: hash.digest('hex') }
}
