// A hub that restarts, and an agent that is killed, under kubectls of three versions that are in the middle of something: what can go on
// goes on by kubectl's own retry, what cannot ends at once and with an error, and nothing that was cut is taken for whole.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type KubectlMinor, kubectlMinors } from '#scripts/dev/kubectl.ts'
import { kubectlPath } from '#test/helpers/kubectl.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { type FakeKube, podEvent, startFakeKube } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { kindPath } from './client.ts'
import { type Fleet, type FleetAgent, startFleet } from './fleet.ts'
import { createOwner } from './owner.ts'
import { agentKubeconfigOf } from './raw-kube.ts'

const owner = createOwner()
let kube: FakeKube
let fleet: Fleet
let directory: string
let kubeconfig: string

test.before(async () => {
  kube = await startFakeKube(owner)
  directory = await mkdtemp(join(tmpdir(), 'moorline-faults-'))
  owner.teardown(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'agent.kubeconfig')
  await writeFile(path, agentKubeconfigOf(kube), { mode: 0o600 })
  fleet = await startFleet({ agents: 1, policy: { kubernetes: { source: 'kubeconfig', path } } })
  const cluster = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'far' }, spec: { type: 'Registered' } }
  await fleet.client().ask('POST', `${kindPath}/clusters`, { body: cluster })
  await fleet.client().ask('PATCH', `${kindPath}/machines/${agent().machine.metadata.name}`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { spec: { clusterRef: 'far' } },
  })
  await isReached()
  kubeconfig = join(directory, 'far.kubeconfig')
  const text = (await fleet.client().ask('GET', `${kindPath}/clusters/far/kubeconfig`)).text
  await writeFile(kubeconfig, text, { mode: 0o600 })
})
test.after.always(async () => {
  await fleet?.close()
  await owner.close()
})

const agent = () => fleet.agents[0] as FleetAgent
const isReached = () =>
  until('the cluster to be reached', async () => (await fleet.client().ask('GET', '/clusters/far/proxy/version')).status === 200, {
    timeoutMs: 60_000,
  })
const start = async (t: { teardown(run: () => Promise<void>): void }, minor: KubectlMinor, ...args: string[]): Promise<Program> =>
  startProgram(t, await kubectlPath(minor), ['--kubeconfig', kubeconfig, '--cache-dir', join(directory, `cache-${minor}`), ...args])

interface Busy {
  watch: Program
  logs: Program
  waits: Program
}

/** All three are open at the API server before this resolves. */
async function startBusy(t: { teardown(run: () => Promise<void>): void }, minor: KubectlMinor): Promise<Busy> {
  const [watches, held] = [kube.watches(), kube.held()]
  const busy = {
    watch: await start(t, minor, 'get', 'pods', '--watch', '-o', 'name'),
    logs: await start(t, minor, 'logs', '-f', 'one'),
    waits: await start(t, minor, 'wait', 'pod/one', '--for=jsonpath={.status.phase}=Done', '--timeout=90s'),
  }
  await until(`kubectl 1.${minor} to watch, follow and wait`, () => kube.watches() === watches + 2 && kube.held() === held + 1, {
    timeoutMs: 60_000,
  })
  kube.release()
  await until('a line of the log', () => busy.logs.stdout().includes('piece'))
  return busy
}

const done = { ...podEvent('MODIFIED', 'one', 50) }
const finished = { ...done, object: { ...done.object, status: { phase: 'Done' } } }

for (const [how, stop] of [
  ['is stopped', () => fleet.hub.stop()],
  ['is killed', () => fleet.hub.kill()],
] as const)
  test.serial(`The hub ${how} and started again under kubectl 1.28, 1.31 and 1.35: watch and logs end at once, wait goes on`, async (t) => {
    t.timeout(300_000)
    const busy: [KubectlMinor, Busy][] = []
    for (const minor of kubectlMinors) busy.push([minor, await startBusy(t, minor)])
    const startMs = performance.now()
    await stop()
    t.log(`the hub was down after ${Math.round(performance.now() - startMs)} ms`)
    for (const [minor, { watch, logs }] of busy) {
      // Neither of the two begins again by itself, in any version; hanging for ever would be the fault.
      await until(`kubectl 1.${minor} to end`, () => !watch.isRunning() && !logs.isRunning(), { timeoutMs: 10_000 })
      const [watched, followed] = [await watch.exited, await logs.exited]
      t.log(`1.${minor}: watch ${watched.code} ${watch.stderr().trim()}; logs ${followed.code} ${logs.stderr().trim()}`)
      t.is(watch.stdout(), 'pod/one\npod/two\n')
      t.regex(logs.stdout(), /^(piece\n)+$/)
      if (how === 'is killed') t.not(followed.code, 0, 'a log that was cut is not taken for whole')
    }
    t.true(await until('it to be cut at the API server', () => kube.watches() === 0 && kube.held() === 0, { timeoutMs: 40_000 }))
    await fleet.startHub()
    await isReached()
    const waiting = busy.filter(([, { waits }]) => waits.isRunning())
    t.log(`still waiting: ${waiting.map(([minor]) => `1.${minor}`).join(', ') || 'none'}`)
    // Their own retry has begun a watch again; one that did not wait says so with an error.
    await until('the waiting ones to watch again', () => kube.watches() === waiting.length, { timeoutMs: 60_000 })
    kube.emit(finished)
    for (const [minor, { waits }] of busy) {
      const { code } = await waits.exited
      if (waiting.some(([one]) => one === minor)) t.is(code, 0, `1.${minor} ${waits.stderr()}`)
      else t.not(code, 0, `1.${minor}`)
      t.log(`1.${minor}: wait ${code} ${waits.stdout().trim()} ${waits.stderr().trim().slice(0, 200)}`)
    }
    for (const minor of kubectlMinors) {
      const again = await start(t, minor, 'get', 'pods', '-o', 'name')
      t.is((await again.exited).code, 0, again.stderr())
      t.is(again.stdout(), 'pod/one\npod/two\n')
    }
  })

test.serial('The agent is killed in the middle of kubectl cp: an error within seconds, and the file is not called whole', async (t) => {
  t.timeout(120_000)
  const copies: [KubectlMinor, string, Program][] = []
  for (const minor of [31, 35] as const) {
    const path = join(directory, `big-${minor}`)
    copies.push([minor, path, await start(t, minor, 'cp', '--retries=0', 'one:big', path)])
  }
  const sizeOf = (path: string) =>
    stat(path).then(
      ({ size }) => size,
      () => 0, // not there yet
    )
  for (const [minor, path, copy] of copies)
    await until(`megabytes of 1.${minor}`, async () => {
      if (!copy.isRunning()) throw new Error(`it ended: ${copy.stderr()}`)
      return (await sizeOf(path)) > 4 * 1024 * 1024
    })
  const startMs = performance.now()
  await agent().agent.kill()
  for (const [minor, path, copy] of copies) {
    await until(`kubectl 1.${minor} to end`, () => !copy.isRunning(), { timeoutMs: 30_000 })
    const { code } = await copy.exited
    t.not(code, 0, `1.${minor}`)
    t.regex(copy.stderr(), /error|EOF/i)
    t.true((await sizeOf(path)) < 2 ** 30)
    t.log(`1.${minor}: ${code} after ${Math.round(performance.now() - startMs)} ms: ${copy.stderr().trim().slice(0, 200)}`)
  }
  const meanwhile = await fleet.client().ask('GET', '/clusters/far/proxy/version')
  t.true([502, 503, 504].includes(meanwhile.status))
  t.true(meanwhile.text.includes(agent().machine.metadata.name), meanwhile.text)
  await agent().start()
  await isReached()
})
