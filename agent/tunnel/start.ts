// The tunnel of the running agent: targets from the machine's policy, connections through the agent's one dialer. HTTP/2 is loaded
// when the hub first asks for a connection: an agent that waits does not carry it.
import type { Proxy } from '#agent/config/proxy.ts'
import type { Endpoint } from '#agent/link/dialer.ts'
import type { Identity } from '#agent/link/types.ts'
import type { OpenTunnel, PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'
import type { TunnelServer } from './server.ts'

interface StartOptions {
  policy: { tunnelTargets(): Readonly<Record<string, { host: string; port: number }>> }
  identity(): Identity
  hub: Endpoint
  proxy?: Proxy
  clock: Clock
  log: Log
  onPlane(state: PlaneState | undefined): void
}

export function startTunnel({ policy, identity, hub, proxy, clock, log, onPlane }: StartOptions): {
  onNotice(request: OpenTunnel): void
  stop(): Promise<void>
} {
  let isStopped = false
  let server: Promise<TunnelServer> | undefined
  const load = async (): Promise<TunnelServer> => {
    const [{ createTunnelServer }, { tcpTarget }, { dialTunnel }] = await Promise.all([
      import('./server.ts'),
      import('./tcp-target.ts'),
      import('#agent/link/tunnel-dial.ts'),
    ])
    return createTunnelServer({
      dial: (tunnelClass, signal) => dialTunnel(tunnelClass, { identity: identity(), hub, proxy, clock, signal }),
      targets: Object.fromEntries(Object.entries(policy.tunnelTargets()).map(([name, target]) => [name, tcpTarget(target, clock)])),
      ...{ clock, log, onPlane },
    })
  }
  return {
    onNotice(request) {
      if (isStopped) return
      server ??= load()
      server.then(
        (loaded) => loaded.onNotice(request),
        (error: unknown) => log.error({ reason: messageOf(error) }, 'tunnel: could not be loaded'),
      )
    },
    async stop() {
      isStopped = true
      await (await server)?.stop()
    },
  }
}
