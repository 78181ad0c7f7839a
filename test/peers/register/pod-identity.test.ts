// F-23 for a pod: its directory is gone with each kill, and whatever step it was killed at, it comes back as the same machine. The
// journal is gone as well, and the numbers of its events go on.
import test, { type ExecutionContext } from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import type { Registration } from '#shared/contract/registration.ts'
import type { FailpointName } from '#shared/flow/failpoint.ts'
import { createOwner } from '#test/faults/owner.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { type FakeKube, startFakeKube } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { type Site, startSite } from '#test/integration/site.ts'
import { applyManifest, type ManifestObject, startPod } from './pod.ts'

const owner = createOwner()
let site: Site
test.before(async () => {
  site = await startSite(owner)
})
test.after.always(() => owner.close())

interface Setting {
  name: string
  directory: string
  kube: FakeKube
  objects: ManifestObject[]
}

let clusters = 0
async function setUp(t: ExecutionContext): Promise<Setting> {
  const name = `cluster-${++clusters}`
  await site.apply({ apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { type: 'Registered' } })
  const path = `/apis/moorline.dev/v1alpha1/clusters/${name}/registration`
  const { manifest } = JSON.parse(await site.kubectl('create', '--raw', path, '-f', '/dev/null')) as Registration
  const kube = await startFakeKube(t)
  return { name, directory: await tempDir(t), kube, objects: applyManifest(kube, manifest) }
}
const machinesOf = async (cluster: string) =>
  (JSON.parse(await site.kubectl('get', 'machines', '-o', 'json')) as { items: Machine[] }).items.filter(
    ({ spec }) => spec.clusterRef === cluster,
  )

const joinPoints: FailpointName[] = ['agent.enroll.key-written', 'agent.enroll.answered']
for (const point of joinPoints)
  test.serial(`F-23: a pod killed at ${point} joins once, with the key that is in the Secret`, async (t) => {
    const { name, directory, kube, objects } = await setUp(t)
    const killed = await startPod(t, kube, objects, { directory, env: { MOORLINE_FAILPOINTS: point } })
    t.is((await killed.program.exited).signal, 'SIGKILL', killed.program.stderr())
    const next = await startPod(t, kube, objects, { directory })
    await next.connected()
    t.is((await machinesOf(name)).length, 1)
  })

const renewPoints: FailpointName[] = ['agent.renew.key-written', 'agent.renew.answered', 'agent.renew.staged', 'agent.renew.activated']
for (const point of renewPoints)
  test.serial(`F-23: a pod killed at ${point} has an identity in its Secret that the hub accepts`, async (t) => {
    const { name, directory, kube, objects } = await setUp(t)
    // Due at once: the hub's clock, which the agent follows, is what it is, so the renewal is asked for by the hub's new signing keys.
    const first = await startPod(t, kube, objects, { directory })
    await first.connected()
    const [machine] = await machinesOf(name)
    await first.program.stop()
    const secret = kube.secrets.get('moorline-system/moorline-agent-identity')
    const key = 'identity-1.identity.json'
    const identity = JSON.parse(Buffer.from(secret?.data?.[key] ?? '', 'base64').toString()) as { taskSigningKeys: string[] }
    // An identity that holds no signing key of the hub's is renewed as soon as the hub has said which it uses.
    const text = JSON.stringify({ ...identity, taskSigningKeys: [] })
    Object.assign(secret?.data ?? {}, { [key]: Buffer.from(text).toString('base64') })
    const killed = await startPod(t, kube, objects, { directory, env: { MOORLINE_FAILPOINTS: point } })
    t.is((await killed.program.exited).signal, 'SIGKILL', killed.program.stderr())
    const next = await startPod(t, kube, objects, { directory })
    await next.connected()
    const after = await machinesOf(name)
    t.deepEqual(
      after.map(({ metadata, status }) => [metadata.name, status?.agentId]),
      [[machine?.metadata.name, machine?.status?.agentId]],
    )
  })

test.serial('a pod whose journal is gone numbers its events on, and the hub takes them', async (t) => {
  const { name, directory, kube, objects } = await setUp(t)
  const policy = { allowedActions: ['exec'] }
  const run = async (task: string, machine: string) => {
    await site.apply({
      ...{ apiVersion: 'moorline.dev/v1alpha1', kind: 'Task', metadata: { name: task } },
      spec: { machine, action: 'exec', input: { command: ['echo', task] } },
    })
    return site.finished(task, 60_000)
  }
  const first = await startPod(t, kube, objects, { directory, policy })
  await first.connected()
  const machine = (await machinesOf(name))[0]?.metadata.name ?? ''
  t.is((await run(`${name}-a`, machine)).status?.state, 'Succeeded')
  first.program.kill('SIGKILL')
  await first.program.exited
  const second = await startPod(t, kube, objects, { directory, policy })
  await second.connected()
  t.is((await run(`${name}-b`, machine)).status?.state, 'Succeeded')
  t.is(await site.kubectl('get', '--raw', `/apis/moorline.dev/v1alpha1/tasks/${name}-b/log`), `${name}-b\n`)
})

test.serial('of two agents with one Secret the one that finds it changed ends, and overwrites nothing', async (t) => {
  const { directory, kube, objects } = await setUp(t)
  const first = await startPod(t, kube, objects, { directory })
  await first.connected()
  const key = 'moorline-system/moorline-agent-identity'
  await until('all of it to be in its Secret', () => kube.secrets.get(key)?.data?.current !== undefined)
  await first.program.stop()
  const secret = kube.secrets.get(key)
  const other = { current: Buffer.from('7\n').toString('base64') }
  const text = Buffer.from(secret?.data?.['identity-1.identity.json'] ?? '', 'base64').toString()
  const noKeys = JSON.stringify({ ...(JSON.parse(text) as object), taskSigningKeys: [] })
  Object.assign(secret?.data ?? {}, { 'identity-1.identity.json': Buffer.from(noKeys).toString('base64') })
  const second = await startPod(t, kube, objects, { directory })
  await until('it to have read the Secret', () => kube.seen.some(({ url }) => url.includes('/secrets/')))
  await second.connected()
  // Before its renewal, which is due now, another one has written.
  kube.secrets.set(key, {
    ...(secret as NonNullable<typeof secret>),
    metadata: { ...(secret as NonNullable<typeof secret>).metadata, resourceVersion: '900' },
    data: other,
  })
  t.is((await second.program.exited).code, 1)
  t.regex(second.program.stderr(), /IdentityInUse/)
  t.deepEqual(kube.secrets.get(key)?.data, other)
})
