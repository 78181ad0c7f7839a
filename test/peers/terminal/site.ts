// A terminal through all of it: real HTTP API, real tunnel through a real gateway, real target of the agent with real processes. The agent's
// part runs in this process, so that a test can look at it; process.test.ts has hub and agent as processes of their own.
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { TerminalPolicy } from '#agent/config/terminal.ts'
import { createHost } from '#agent/host/create.ts'
import { loadPtyAddon } from '#agent/host/pty-addon.ts'
import { type TerminalTarget, terminalTarget } from '#agent/terminal/target.ts'
import { createTerminals } from '#hub/api/terminal/create.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { type Log, silentLog } from '#shared/log/log.ts'
import { type ExecClient, type ExecOptions, openExec } from '#test/helpers/exec-client.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { manifest, startApi, type TestApi } from '#test/hub/api/fixture.ts'
import { addMachine } from '#test/tunnel/kube-proxy/site.ts'
import { type Member, type MemberOptions, startTunnelFleet, type TunnelFleet } from '#test/tunnel/fixture.ts'

type Owner = Pick<ExecutionContext, 'teardown'>

export interface TerminalSite extends TestApi {
  terminal: TerminalTarget
  fleet: TunnelFleet
  member: Member
  folder: string
  /** Agents that count as connected. */
  alive: Set<string>
  exec(options?: Partial<ExecOptions>): Promise<ExecClient>
}

export interface SiteOptions {
  policy?: Partial<TerminalPolicy>
  environment?: Record<string, string>
  limits?: { sessionBytes: number; folderBytes: number }
  member?: MemberOptions
  log?: Log
}

export async function startTerminalSite(t: Owner, options: SiteOptions = {}): Promise<TerminalSite> {
  const folder = join(await tempDir(t as never), 'recordings')
  const fleet = await startTunnelFleet(t)
  const environment = { PATH: process.env.PATH ?? '', ...options.environment }
  const terminal = terminalTarget({
    policy: { user: userInfo().username, shell: '/bin/sh', ...options.policy },
    host: createHost({ clock: systemClock, environment }),
    ...{ folder, loadAddon: loadPtyAddon, clock: systemClock, log: options.log ?? silentLog, limits: options.limits },
  })
  const member = await fleet.member({ targets: { terminal: terminal.target }, ...options.member })
  t.teardown(() => terminal.stop())
  const alive = new Set([member.agentId])
  const api = await startApi(t as never, {
    extend: ({ resources }) => ({
      upgrades: [
        createTerminals({ resources, tunnels: fleet.tunnels, isAlive: (agentId) => alive.has(agentId), clock: systemClock }).upgrade,
      ],
    }),
  })
  await api.resources.create('Cluster', manifest('Cluster', 'one', { type: 'Registered' }))
  await addMachine(api, 'one', { agentId: member.agentId, tunnelTargets: ['terminal'] })
  await api.resources.modify('Machine', 'one', (machine) => ({ ...machine, spec: { ...(machine.spec as object), approved: true } }))
  return {
    ...api,
    ...{ terminal, fleet, member, folder, alive },
    exec: async (asked = {}) => {
      const client = await openExec({ url: `https://${api.host}`, ca: api.ca, machine: 'one', token: api.adminToken, ...asked })
      t.teardown(() => client.socket.terminate())
      return client
    },
  }
}
