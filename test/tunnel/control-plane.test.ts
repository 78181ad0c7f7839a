import { once } from 'node:events'
import { webcrypto } from 'node:crypto'
import test from 'ava'
import { createHost } from '#agent/host/create.ts'
import { createPolicy } from '#agent/config/policy.ts'
import { startTunnel } from '#agent/tunnel/start.ts'
import { createTunnels } from '#hub/tunnel/create.ts'
import type { Gateway } from '#hub/gateway/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { startFleet } from '#test/agent/link/fleet.ts'
import { createEmptyHandlers } from '#test/agent/link/handlers.ts'
import { startTinyproxy } from '#test/agent/link/proxies.ts'
import { until } from '#test/helpers/until.ts'
import { echo } from '#test/helpers/tcp.ts'
import { startService } from './fixture.ts'

test('the request travels over NATS, the connection through the agent’s proxy, and the plane is reported while it is in use', async (t) => {
  const tunnels = createTunnels({
    gateway: {
      requestTunnel: (agentId, request) => (fleet.gateway as Gateway).requestTunnel(agentId, request),
      isAllowed: () => ({ ok: true }),
    },
    authorise: () => ({ ok: true }),
    randomBytes: (count) => webcrypto.getRandomValues(new Uint8Array(count)),
    clock: systemClock,
    log: silentLog,
    idleMs: 500,
  })
  t.teardown(() => tunnels.close())
  const fleet = await startFleet(t, { onTunnelSocket: (socket, peer) => tunnels.accept(socket, peer) })
  const running = await startTinyproxy(t)
  const proxy = { kind: 'http', ...running } as const
  const { identity } = await fleet.enrolled()
  const service = await startService(t, echo)
  const policy = createPolicy({ tunnel: { targets: { echo: { host: '127.0.0.1', port: service.port } } } }, undefined, [])
  const link = fleet.link(identity, {
    proxy,
    handlers: {
      ...createEmptyHandlers(),
      onNotice: ({ kind, openTunnel }) => void (kind === 'OpenTunnel' && openTunnel && tunnel.onNotice(openTunnel)),
    },
  })
  const tunnel = startTunnel({
    ...{
      policy,
      host: createHost({ clock: systemClock, environment: {} }),
      stateDir: '/nowhere',
      hub: { host: '127.0.0.1', port: fleet.port },
      proxy,
      clock: systemClock,
      log: silentLog,
    },
    identity: () => identity,
    onPlane: (state) => link.reportPlane('tunnel', state),
  })
  t.teardown(() => tunnel.stop())
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  const plane = () => link.state().planes.find(({ name }) => name === 'tunnel')
  t.is(plane(), undefined)
  const stream = await tunnels.open(identity.agentId, { target: 'echo', user: 'me', class: 'interactive' })
  stream.write('through everything')
  t.is(String((await once(stream, 'data'))[0]), 'through everything')
  t.like(plane(), { ok: true, reason: '' })
  t.true(running.log().split(`127.0.0.1:${fleet.port}`).length > 2, 'the proxy carries the link and the tunnel')
  await t.throwsAsync(tunnels.open(identity.agentId, { target: 'other', user: 'me', class: 'interactive' }), {
    message: /names no such target/,
  })
  stream.resume().end()
  await until('the plane to be out of use', () => plane() === undefined)
})
