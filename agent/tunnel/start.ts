// The tunnel of the running agent: targets from the machine's policy, connections through the agent's one dialer. HTTP/2 is loaded
// when the hub first asks for a connection: an agent that waits does not carry it.
import { join } from 'node:path'
import type { AgentPolicy } from '#agent/config/policy.ts'
import type { Proxy } from '#agent/config/proxy.ts'
import type { Host } from '#agent/host/types.ts'
import type { KubeTargetOptions } from '#agent/kube/target.ts'
import type { Endpoint } from '#agent/link/dialer.ts'
import type { Identity } from '#agent/link/types.ts'
import type { TerminalTarget, TerminalTargetOptions } from '#agent/terminal/target.ts'
import type { OpenTunnel, PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { kubeTarget, terminalTarget } from '#shared/contract/tunnel.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'
import type { TunnelServer } from './server.ts'
import type { TunnelTarget } from './types.ts'

interface StartOptions {
  policy: Pick<AgentPolicy, 'tunnelTargets' | 'kubernetes' | 'terminal'>
  /** This machine: the credentials of its cluster, its shells. */
  host: Host
  stateDir: string
  identity(): Identity
  hub: Endpoint
  proxy?: Proxy
  clock: Clock
  log: Log
  onPlane(state: PlaneState | undefined): void
}

export function startTunnel({ policy, host, stateDir, identity, hub, proxy, clock, log, onPlane }: StartOptions): {
  onNotice(request: OpenTunnel): void
  stop(): Promise<void>
} {
  let isStopped = false
  let server: Promise<TunnelServer> | undefined
  let terminal: TerminalTarget | undefined
  const load = async (): Promise<TunnelServer> => {
    const [{ createTunnelServer }, { tcpTarget }, { dialTunnel }] = await Promise.all([
      import('./server.ts'),
      import('./tcp-target.ts'),
      import('#agent/link/tunnel-dial.ts'),
    ])
    const targets: Record<string, TunnelTarget> = {}
    for (const [name, target] of Object.entries(policy.tunnelTargets())) targets[name] = tcpTarget(target, clock)
    const kubernetes = policy.kubernetes()
    if (kubernetes)
      targets[kubeTarget] = await loadKube({ policy: kubernetes, readText: host.readText, environment: host.environment(), clock, log })
    const shells = policy.terminal()
    if (shells) {
      terminal = await loadTerminal({ policy: shells, host, folder: join(stateDir, 'recordings'), clock, log })
      targets[terminalTarget] = terminal.target
    }
    return createTunnelServer({
      dial: (tunnelClass, signal) => dialTunnel(tunnelClass, { identity: identity(), hub, proxy, clock, signal }),
      ...{ targets, clock, log, onPlane },
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
      const loaded = await server
      // Whoever sits at a terminal is told before its connection goes.
      await terminal?.stop()
      await loaded?.stop()
    },
  }
}

/** HTTP and YAML are loaded with it: an agent that leads to no cluster, or whose cluster nobody asks, does not carry them. */
async function loadKube(options: KubeTargetOptions): Promise<TunnelTarget> {
  const { kubeTarget: create } = await import('#agent/kube/target.ts')
  return create(options)
}

/** The native library follows with the first terminal. */
async function loadTerminal(options: Omit<TerminalTargetOptions, 'loadAddon'>): Promise<TerminalTarget> {
  const [{ terminalTarget: create }, { loadPtyAddon }] = await Promise.all([
    import('#agent/terminal/target.ts'),
    import('#agent/host/pty-addon.ts'),
  ])
  return create({ ...options, loadAddon: loadPtyAddon })
}
