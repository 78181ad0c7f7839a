// A hub outside the firewall and a registered cluster behind it: what the tests of the real cluster share. Everything of it is real.
import type { ExecutionContext } from 'ava'
import type { RoleName } from '#shared/contract/access.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import type { Registration } from '#shared/contract/registration.ts'
import type { ClosableOwner } from '#test/faults/owner.ts'
import type { Program } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { type Site, startSite } from '#test/integration/site.ts'
import type { Bed } from './bed/bed.ts'
import { testBed } from './bed/for-tests.ts'
import { agentImage, testPodImage } from './bed/images.ts'
import { type DirectKubectl, kubectlFor, manifestOf } from './bed/kubectl.ts'
import { firewalled, hubAddress, hubPort, setFirewall } from './bed/network.ts'
import { type ClusterUser, createUser } from './user.ts'

const clusterName = 'site'
const connectLimitMs = 120_000

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface MachinesSite {
  bed: Bed
  site: Site
  /** kubectl at the API server itself, as its admin. */
  direct: DirectKubectl
  /** A user of the hub with one role for the cluster. */
  user(role: RoleName): Promise<ClusterUser>
  /** Resolves when the hub reaches the cluster's API. */
  untilReachable(timeoutMs?: number): Promise<void>
}

export interface MachinesSiteOptions {
  /** Environment of the agent's pod, for a proxy. */
  agentEnv?: Readonly<Record<string, string>>
  /** Where the hub listens when something else has the one port that the firewall lets through, and leads there. */
  behindPort?: number
}

export async function startMachinesSite(owner: ClosableOwner, options: MachinesSiteOptions = {}): Promise<MachinesSite> {
  const bed = testBed()
  const direct = await kubectlFor(bed)
  owner.teardown(() => setFirewall(bed, firewalled))
  const site = await startSite(owner, {
    listen: { host: hubAddress, port: options.behindPort ?? hubPort },
    hubArgs: ['--agent-image', agentImage, '--agent-url', `https://${hubAddress}:${hubPort}`],
  })
  await site.apply({ apiVersion, kind: 'Cluster', metadata: { name: clusterName }, spec: { type: 'Registered' } })
  const registration = (
    await site.client().ask('POST', `/apis/${apiVersion}/clusters/${clusterName}/registration`, { body: {} })
  ).json<Registration>()
  owner.teardown(async () => void (await direct.run(['delete', '-f', '-', '--ignore-not-found', '--wait=false'], registration.manifest)))
  // The one of the test before may still be going.
  await direct.run(['wait', 'namespace/moorline-system', '--for=delete', '--timeout=180s'])
  await direct.run(['apply', '-f', '-'], registration.manifest)
  const env = Object.entries(options.agentEnv ?? {}).map(([name, value]) => `${name}=${value}`)
  if (env.length > 0) await direct.run(['-n', 'moorline-system', 'set', 'env', 'deployment/moorline-agent', ...env])

  const users = new Map<RoleName, ClusterUser>()
  const untilReachable = async (timeoutMs = connectLimitMs) => {
    await until(
      'the cluster to be reachable through the hub',
      async () => (await site.client().ask('GET', `/clusters/${clusterName}/proxy/version`)).status === 200,
      { timeoutMs, intervalMs: 250 },
    )
  }
  await untilReachable().catch(async (error: Error) => {
    const state = await direct.run(['-n', 'moorline-system', 'describe', 'pods'])
    const log = await direct.run(['-n', 'moorline-system', 'logs', 'deployment/moorline-agent', '--tail=30'])
    throw new Error(`${error.message}\n${state.slice(-3000)}\n${log}`, { cause: error })
  })
  return {
    bed,
    site,
    direct,
    untilReachable,
    async user(role) {
      const known = users.get(role)
      if (known) return known
      const made = await createUser(site, clusterName, role)
      users.set(role, made)
      return made
    },
  }
}

export interface TestPod {
  name: string
  command: readonly string[]
  hasStdin?: boolean
  node?: string
}

/** Running when it resolves, gone when the owner closes. */
export async function startPods(owner: Owner, { direct }: Pick<MachinesSite, 'direct'>, pods: readonly TestPod[]): Promise<void> {
  const objects = pods.map(({ name, command, hasStdin = false, node = 'w1' }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: testPodImage, command, stdin: hasStdin, tty: false }],
    },
  }))
  const names = pods.map(({ name }) => `pod/${name}`)
  owner.teardown(async () => void (await direct.run(['delete', ...names, '--ignore-not-found', '--grace-period=0', '--force'])))
  await direct.run(['delete', ...names, '--ignore-not-found', '--grace-period=0', '--force'])
  await direct.run(['apply', '-f', '-'], manifestOf(objects))
  await direct.run(['wait', ...names, '--for=condition=Ready', '--timeout=120s'])
}

/** Waits until `logs -f` of the pod that counts its lines has brought more than so many: none of them twice, none left out. */
export async function heardWithoutGap(t: ExecutionContext, following: Program, lines: number): Promise<void> {
  await until(`more than ${lines} lines`, () => following.stdout().split('\n').length > lines, { timeoutMs: 30_000 })
  const numbers = [...following.stdout().matchAll(/^line (\d+)$/gm)].map((match) => Number(match[1]))
  t.deepEqual(
    numbers,
    numbers.map((_, index) => (numbers[0] ?? 0) + index),
  )
}
