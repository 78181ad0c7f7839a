// A cluster's API behind an agent behind the hub: real HTTP API, real tunnel through a real gateway, real kube target; only the API
// server is a small one of our own. `startKubeSite` can be given another one.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { createHost } from '#agent/host/create.ts'
import { kubeTarget } from '#agent/kube/target.ts'
import { createProxy } from '#hub/api/proxy/create.ts'
import type { HttpLimits } from '#hub/api/types.ts'
import { createClusterClient, type ClusterClient } from '#hub/clusters/client.ts'
import { createRegisteredRoutes } from '#hub/clusters/registered/route.ts'
import { createClusterRoutes } from '#hub/clusters/routes.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { Machine, MachineStatus } from '#shared/contract/machine.ts'
import { silentLog } from '#shared/log/log.ts'
import { manifest, startApi, type TestApi } from '#test/hub/api/fixture.ts'
import { kubectl, type KubectlResult } from '#test/helpers/kubectl.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { type Member, startTunnelFleet, type TunnelFleet } from '../fixture.ts'
import { type FakeKube, startFakeKube } from './fake-kube.ts'

type Owner = Pick<ExecutionContext, 'teardown'>

export interface KubeSite extends TestApi {
  kube: FakeKube
  fleet: TunnelFleet
  member: Member
  client: ClusterClient
  /** Agents that count as connected; empty it and the machine is gone. */
  alive: Set<string>
  /** `/clusters/one/proxy` and this. */
  at(path: string): string
  /** kubectl with the cluster's kubeconfig, as the hub serves it to this token. */
  clusterKubectl(token: string, ...args: string[]): Promise<KubectlResult>
  clusterKubeconfig(token: string): Promise<string>
}

export async function startKubeSite(t: Owner, options: { kubeconfig?: string; httpLimits?: Partial<HttpLimits> } = {}): Promise<KubeSite> {
  const directory = await tempDir(t as never)
  const kube = await startFakeKube(t as never)
  const path = options.kubeconfig ?? join(directory, 'agent.kubeconfig')
  if (!options.kubeconfig) await writeFile(path, JSON.stringify(agentKubeconfig(kube)))
  const fleet = await startTunnelFleet(t)
  const host = createHost({ clock: systemClock, environment: {} })
  const target = kubeTarget({
    policy: { source: 'kubeconfig', path },
    readText: host.readText,
    environment: {},
    clock: systemClock,
    log: silentLog,
  })
  const member = await fleet.member({ targets: { kube: target } })
  const alive = new Set([member.agentId])
  const client = createClusterClient({ clock: systemClock, graceMs: 1_000 })
  t.teardown(() => client.close())

  const facts = { publicUrl: '', caPem: '' }
  const api = await startApi(t as never, {
    ...(options.httpLimits && { httpLimits: options.httpLimits }),
    extend({ resources, store, auth, clock, tls }) {
      const registered = createRegisteredRoutes({ resources, tunnels: fleet.tunnels, isAlive: (agentId) => alive.has(agentId) })
      const routes = createClusterRoutes({ registered: registered.routeOf })
      const proxy = createProxy({ ...{ resources, store, auth, clock, routes, client }, log: silentLog, facts: () => facts })
      t.teardown(() => {
        proxy.close()
        registered.close()
      })
      facts.caPem = String(tls.cert)
      return { routes: [proxy.register], upgrades: [proxy.upgrade] }
    },
  })
  facts.publicUrl = `https://${api.host}`
  for (const name of ['one', 'two']) await api.resources.create('Cluster', manifest('Cluster', name, { type: 'Registered' }))
  await addMachine(api, 'leader', { agentId: member.agentId, tunnelTargets: ['kube'] })
  const clusterKubeconfig = async (token: string) => {
    const answer = await api.ask('/apis/moorline.dev/v1alpha1/clusters/one/kubeconfig', { token })
    if (answer.status !== 200) throw new Error(answer.text)
    const file = join(directory, `${token.slice(4, 12)}.kubeconfig`)
    await writeFile(file, answer.text)
    await chmod(file, 0o600)
    return file
  }
  return {
    ...api,
    ...{ kube, fleet, member, client, alive, clusterKubeconfig },
    at: (rest) => `/clusters/one/proxy${rest}`,
    clusterKubectl: async (token, ...args) => kubectl(await clusterKubeconfig(token), args),
  }
}

export async function addMachine(api: TestApi, name: string, status: MachineStatus, clusterRef = 'one'): Promise<void> {
  await api.resources.create('Machine', manifest('Machine', name, { clusterRef }))
  await api.resources.modify<Machine>('Machine', name, (machine) => ({ ...machine, status: { ...machine.status, ...status } }), {
    subresource: 'status',
  })
}

export function agentKubeconfig({ server, ca, token }: Pick<FakeKube, 'server' | 'ca' | 'token'>): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
}
