// What breaks, between real peers: the hub, the agent, the cable, the node under the agent. Nothing half done is called whole, and it
// heals without hands.
import { randomBytes } from 'node:crypto'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { createOwner } from '#test/faults/owner.ts'
import { until } from '#test/helpers/until.ts'
import { conditionOf } from '#test/integration/site.ts'
import { firewalled, setFirewall } from './bed/network.ts'
import { type MachinesSite, startMachinesSite, startPods } from './site.ts'
import type { ClusterUser } from './user.ts'

const owner = createOwner()
let site: MachinesSite
let admin: ClusterUser

/** Ten minutes of it: MOORLINE_PARTITION_SECONDS=600. */
const partitionMs = Number(process.env['MOORLINE_PARTITION_SECONDS'] ?? 10) * 1000
const agentSelector = ['-n', 'moorline-system', '-l', 'app.kubernetes.io/name=moorline-agent']
const healLimitMs = 60_000

test.before(async () => {
  site = await startMachinesSite(owner)
  admin = await site.user('admin')
  await startPods(owner, site, [
    { name: 'talker', command: ['bash', '-c', 'for ((n = 1; ; n++)); do echo "line $n"; sleep 0.2; done'] },
    { name: 'box', command: ['sleep', 'infinity'] },
  ])
})
test.after.always(() => owner.close())

async function machines(): Promise<Machine[]> {
  return (JSON.parse(await site.site.kubectl('get', 'machines', '-o', 'json')) as { items: Machine[] }).items
}

const cut = () => setFirewall(site.bed, { ...firewalled, exit: 'cut' })
const heal = () => setFirewall(site.bed, firewalled)

test.serial('a hub that restarts: logs -f ends with an error, what kubectl itself retries goes on, and the cluster is back', async (t) => {
  t.timeout(240_000)
  const { hub } = site.site
  const following = await admin.start(t, ['logs', '-f', 'talker', '--tail=1'])
  const waiting = await admin.start(t, ['wait', 'pod/box', '--for=jsonpath={.metadata.labels.phase}=two', '--timeout=180s'])
  await until('the log to flow', () => following.stdout().includes('line '), { timeoutMs: 30_000 })
  await hub.stop()
  const { code } = await following.exited
  t.not(code, 0)
  t.regex(following.stderr(), /error|EOF|closed/i)
  await hub.start()
  await site.untilReachable(healLimitMs)
  await admin.run(['label', 'pod', 'box', 'phase=two'])
  const waited = await waiting.exited
  t.is(waited.code, 0, waiting.stderr())
})

const killAgent = () => site.direct.run(['delete', 'pod', ...agentSelector, '--grace-period=0', '--force'])
const bytes = 192 * 1024 * 1024

test.serial('an agent killed in the middle of a cp: kubectl says so, and the next one finds the agent that took its place', async (t) => {
  t.timeout(300_000)
  const before = await machines()
  const [file, back] = [join(site.site.directory, 'large'), join(site.site.directory, 'back')]
  await writeFile(file, randomBytes(bytes))
  const sizeInPod = async () =>
    Number((await site.direct.run(['exec', 'box', '--', 'sh', '-c', 'stat -c %s /tmp/large 2>/dev/null || echo 0'])).trim())

  // To the pod. kubectl over SPDY takes a broken connection for an end, also straight at an API server; only the file can be looked at.
  const up = await admin.start(t, ['cp', file, 'box:/tmp/large'])
  await until('some of it to have arrived', async () => (await sizeInPod()) > 0, { timeoutMs: 60_000 })
  await killAgent()
  await up.exited
  t.true((await sizeInPod()) < bytes)
  await site.untilReachable(120_000)
  await admin.run(['cp', file, 'box:/tmp/large'])
  t.is(await sizeInPod(), bytes)

  // From the pod.
  const down = await admin.start(t, ['cp', 'box:/tmp/large', back])
  await until('some of it to have arrived', async () => (await sizeOf(back)) > 0, { timeoutMs: 60_000 })
  await killAgent()
  t.not((await down.exited).code, 0, 'a copy that was broken off must not look whole')
  t.true((await sizeOf(back)) < bytes)
  await site.untilReachable(120_000)
  const after = await machines()
  t.deepEqual(
    after.map(({ metadata }) => metadata.uid),
    before.map(({ metadata }) => metadata.uid),
    'the same identity, not a second machine',
  )
})

test.serial('an agent that is moved to another node stays the same machine', async (t) => {
  t.timeout(240_000)
  const [before] = await machines()
  const node = async () => (await site.direct.run(['get', 'pods', ...agentSelector, '-o', 'jsonpath={.items[*].spec.nodeName}'])).trim()
  const target = (await node()) === 'c1' ? 'w1' : 'c1'
  const patch = { spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': target } } } } }
  await site.direct.run(['-n', 'moorline-system', 'patch', 'deployment', 'moorline-agent', '-p', JSON.stringify(patch)])
  await site.direct.run(['-n', 'moorline-system', 'rollout', 'status', 'deployment/moorline-agent', '--timeout=180s'])
  t.is(await node(), target)
  await site.untilReachable(120_000)
  t.deepEqual(
    (await machines()).map(({ metadata }) => metadata.uid),
    [before?.metadata.uid],
  )
})

test.serial('a cable that is cut: both sides find the half-open connection within 30 s, and all heals when it is plugged in', async (t) => {
  t.timeout(partitionMs + 240_000)
  t.teardown(heal)
  const following = await admin.start(t, ['logs', '-f', 'talker', '--tail=1'])
  await until('the log to flow', () => following.stdout().includes('line '), { timeoutMs: 30_000 })
  const cutMs = performance.now()
  await cut()
  await until('kubectl to be told that its stream is dead', () => !following.isRunning(), { timeoutMs: 35_000 })
  const hubMs = performance.now() - cutMs
  t.not((await following.exited).code, 0)
  const log = async () => site.direct.run(['-n', 'moorline-system', 'logs', 'deployment/moorline-agent', '--tail=40'])
  await until('the agent to say that its connection is dead', async () => /tunnel|connection|down/i.test(await log()), {
    timeoutMs: 35_000 - hubMs,
    intervalMs: 500,
  })
  const agentMs = performance.now() - cutMs
  t.log(`the hub found it after ${(hubMs / 1000).toFixed(1)} s, the agent after ${(agentMs / 1000).toFixed(1)} s at the latest`)
  t.true(hubMs <= 30_000)
  await until('the hub to say that the machine is gone', async () => conditionOf((await machines())[0], 'Connected')?.status !== 'True', {
    timeoutMs: 45_000,
    intervalMs: 250,
  })
  const refused = await admin.try(['get', 'nodes'], { timeoutMs: 30_000 })
  t.not(refused.code, 0)
  t.regex(refused.stderr, /agent|machine|connected/i)
  await until('the partition to have lasted', () => performance.now() - cutMs >= partitionMs, { timeoutMs: partitionMs + 1000 })
  const healedMs = performance.now()
  await heal()
  await site.untilReachable(healLimitMs)
  t.log(`back ${((performance.now() - healedMs) / 1000).toFixed(1)} s after the cable was plugged in`)
  t.is(await admin.run(['get', 'nodes', '-o', 'name']), 'node/c1\nnode/w1\n')
})

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0
      throw error
    },
  )
}
