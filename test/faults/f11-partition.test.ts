// F-11: a network that carries nothing and says nothing about it, both ways or one way. Both sides find it out within 30 s; what happened
// meanwhile arrives afterwards, once and in order; open watches end, and clients that begin them again get on.
// MOORLINE_PARTITION_MS makes the partitions longer (600000: ten minutes); each is at least as long as it takes to be found.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { Task } from '#shared/contract/task.ts'
import { kubectlPath } from '#test/helpers/kubectl.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { type FakeKube, podEvent, startFakeKube } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { kindPath } from './client.ts'
import type { Direction } from './connect-proxy.ts'
import { conditionOf, type Fleet, type FleetAgent, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'
import { createOwner } from './owner.ts'
import { agentKubeconfigOf } from './raw-kube.ts'

const partitionMs = Number(process.env.MOORLINE_PARTITION_MS ?? 0)
const foundMs = 30_000
const merge = { 'content-type': 'application/merge-patch+json' }

const owner = createOwner()
let kube: FakeKube
let fleet: Fleet
test.before(async () => {
  kube = await startFakeKube(owner)
  const directory = await mkdtemp(join(tmpdir(), 'moorline-faults-'))
  owner.teardown(() => rm(directory, { recursive: true, force: true }))
  const kubeconfig = join(directory, 'agent.kubeconfig')
  await writeFile(kubeconfig, agentKubeconfigOf(kube), { mode: 0o600 })
  fleet = await startFleet({ agents: 2, policy: { kubernetes: { source: 'kubeconfig', path: kubeconfig } } })
  const cluster = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'far' }, spec: { type: 'Registered' } }
  await fleet.client().ask('POST', `${kindPath}/clusters`, { body: cluster })
  const path = `${kindPath}/machines/${far().machine.metadata.name}`
  await fleet.client().ask('PATCH', path, { headers: merge, body: { spec: { clusterRef: 'far' } } })
  await until('the cluster to be reached', async () => (await fleet.client().ask('GET', '/clusters/far/proxy/version')).status === 200)
})
test.after.always(async () => {
  await fleet?.close()
  await owner.close()
})

/** The one that goes out through the proxy. */
const far = () => fleet.agents[1] as FleetAgent
const isConnected = async () => conditionOf(await fleet.machine(far()), 'Connected')?.status === 'True'
let serial = 0

interface Watch {
  lines: string[]
  /** How long after `since` it was ended; undefined while it is open. */
  endedMs(): number | undefined
}

function watch(): Watch {
  const client = fleet.client()
  const session = connectHttp2(client.url, { ca: client.ca })
  session.on('error', () => session.destroy())
  const stream = session.request({
    ':path': '/clusters/far/proxy/api/v1/namespaces/default/pods?watch=true',
    authorization: `Bearer ${client.token}`,
  })
  stream.on('error', () => stream.destroy())
  const lines: string[] = []
  let endedMs: number | undefined
  stream.on('data', (chunk) => lines.push(String(chunk)))
  stream.once('close', () => {
    endedMs = performance.now()
    session.destroy()
  })
  return { lines, endedMs: () => endedMs }
}

const cases: Readonly<Record<string, Direction[]>> = {
  'both ways': ['toHub', 'toAgent'],
  'towards the hub': ['toHub'],
  'towards the agent': ['toAgent'],
}

for (const [what, directions] of Object.entries(cases))
  test.serial(`F-11: a partition ${what} is found within 30 s on both sides and heals without hands`, async (t) => {
    t.timeout(240_000 + partitionMs)
    const { agent, machine, workDir } = far()
    const open = watch()
    await until('the watch to be open', () => kube.watches() === 1)
    const path = join(workDir, `offline-${++serial}`)
    // Goes on while nobody hears of it.
    const script = `for i in 1 2 3 4 5 6; do echo "line $i"; echo "$i" >> "$1"; sleep 2; done`
    const name = `offline-${serial}`
    const body = {
      apiVersion: 'moorline.dev/v1alpha1',
      kind: 'Task',
      metadata: { name },
      spec: { machine: machine.metadata.name, action: 'exec', input: { command: ['sh', '-c', script, 'sh', path] } },
    }
    t.is((await fleet.client().ask('POST', `${kindPath}/tasks`, { body })).status, 201)
    await until('the task to run', async () => (await readFile(path, 'utf8').catch(() => '')).includes('1'))

    const logged = agent.program().stdout().length + agent.program().stderr().length
    const startMs = performance.now()
    fleet.proxy.hold(...directions)
    await Promise.all([
      until('the hub to find out', async () => !(await isConnected()), { timeoutMs: foundMs + 10_000, intervalMs: 200 }).then(() => {
        t.log(`the hub: machine not connected after ${Math.round(performance.now() - startMs)} ms`)
        t.true(performance.now() - startMs < foundMs + 1_000)
      }),
      until('the watch through it to end', () => open.endedMs() !== undefined, { timeoutMs: foundMs + 10_000, intervalMs: 200 }).then(
        () => {
          t.log(`the hub: tunnel ended after ${Math.round((open.endedMs() ?? 0) - startMs)} ms`)
          t.true((open.endedMs() ?? 0) - startMs < foundMs)
        },
      ),
      until('the watch to end at the cluster', () => kube.watches() === 0, { timeoutMs: foundMs + 10_000, intervalMs: 200 }).then(() => {
        t.log(`the agent: tunnel ended after ${Math.round(performance.now() - startMs)} ms`)
        t.true(performance.now() - startMs < foundMs)
      }),
      until(
        'the agent to find out',
        () => (agent.program().stdout() + agent.program().stderr()).slice(logged).includes('link: not connected'),
        { timeoutMs: foundMs + 10_000, intervalMs: 200 },
      ).then(() => {
        t.log(`the agent: link down after ${Math.round(performance.now() - startMs)} ms`)
        t.true(performance.now() - startMs < foundMs)
      }),
    ])
    await until('the task to have ended, unheard', async () => (await readFile(path, 'utf8')).includes('6'), { timeoutMs: 30_000 })
    // Who asks meanwhile is told which machine is in the way.
    const meanwhile = await fleet.client().ask('GET', '/clusters/far/proxy/version')
    t.true([502, 503, 504].includes(meanwhile.status))
    t.true(meanwhile.text.includes(machine.metadata.name), meanwhile.text)
    await delay(Math.max(0, partitionMs - (performance.now() - startMs)))

    // A client that was waiting for a pod has begun its watch again and again.
    const kubeconfig = (await fleet.client().ask('GET', `${kindPath}/clusters/far/kubeconfig`)).text
    const file = join(fleet.directory, 'far.kubeconfig')
    await writeFile(file, kubeconfig, { mode: 0o600 })
    fleet.proxy.heal()
    const healedMs = performance.now()
    await until('the machine to be connected', isConnected, { timeoutMs: 60_000, intervalMs: 100 })
    t.log(`connected ${Math.round(performance.now() - healedMs)} ms after the heal`)
    const again = await startProgram({ teardown: (run) => t.teardown(run) }, await kubectlPath(), [
      ...['--kubeconfig', file, 'get', 'pods', '--watch', '-o', 'name'],
    ])
    await until('the next watch to be open', () => kube.watches() === 1, { timeoutMs: 60_000 })
    kube.emit(podEvent('ADDED', `after-${serial}`, 100 + serial))
    await until('an event of after', () => again.stdout().includes(`pod/after-${serial}`))
    await again.stop()
    await rm(file)

    const ended = await until(
      'the result of meanwhile',
      async () => {
        const task = (await fleet.client().ask('GET', `${kindPath}/tasks/${name}`)).json<Task>()
        return task.status?.state === 'Succeeded' && task
      },
      { timeoutMs: 60_000 },
    )
    t.is(ended.status?.attempt ?? 1, 1)
    t.is(
      (await fleet.client().ask('GET', `${kindPath}/tasks/${name}/log?format=text`)).text,
      'line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n',
    )
    t.is(await readFile(path, 'utf8'), '1\n2\n3\n4\n5\n6\n')
  })

test.serial('F-11: after all of them the invariants hold', async (t) => {
  t.timeout(180_000)
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
})
