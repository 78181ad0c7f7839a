// A cluster is registered with one command: real hub, real agent program in the place of a pod, a small API server of our own.
import test from 'ava'
import type { AccessToken, RoleName } from '#shared/contract/access.ts'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Registration } from '#shared/contract/registration.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { node, startFakeKube } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { type Site, startSite } from '#test/integration/site.ts'
import { applyManifest, runManifestCommand, startPod } from './pod.ts'

const clusters = '/apis/moorline.dev/v1alpha1/clusters'

async function register(site: Site, name: string): Promise<Registration> {
  await site.apply({ apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { type: 'Registered' } })
  return JSON.parse(await site.kubectl('create', '--raw', `${clusters}/${name}/registration`, '-f', '/dev/null')) as Registration
}
const machinesOf = async (site: Site, cluster: string) =>
  (JSON.parse(await site.kubectl('get', 'machines', '-o', 'json')) as { items: Machine[] }).items.filter(
    ({ spec }) => spec.clusterRef === cluster,
  )

/** The secret of a new access token, whose user has this role everywhere. */
async function tokenOf(site: Site, role: RoleName): Promise<string> {
  const apiVersion = 'moorline.dev/v1alpha1'
  const subjects = [{ kind: 'User', name: role }]
  await site.apply({ apiVersion, kind: 'AccessBinding', metadata: { name: `all-${role}` }, spec: { role, subjects } })
  const object = { apiVersion, kind: 'AccessToken', metadata: { generateName: `${role}-` }, spec: { user: role } }
  const answer = await site.client().ask('POST', `/apis/${apiVersion}/accesstokens`, { body: object })
  return answer.json<AccessToken>().status?.token ?? ''
}

test('the command applies a manifest, its pod connects without another approval, and comes back as itself on another node', async (t) => {
  const site = await startSite(t)
  const directory = await tempDir(t)
  const kube = await startFakeKube(t)
  const registration = await register(site, 'east.one')
  const token = /mlj_[a-z2-7_]+/.exec(registration.manifestCommand)?.[0] ?? '-'
  const { applied, calls } = await runManifestCommand(t, registration.manifestCommand, directory)
  t.is(applied, registration.manifest)
  t.false(calls.includes(token), 'the token is in no argument')

  const objects = applyManifest(kube, applied)
  const first = await startPod(t, kube, objects, { directory })
  await first.connected()
  const [machine] = await machinesOf(site, 'east.one')
  t.is(machine?.spec.approved, true)
  t.deepEqual(machine?.status?.tunnelTargets, ['kube'])
  t.deepEqual(machine?.status?.allowedActions, [])
  const secret = () => kube.secrets.get('moorline-system/moorline-agent-identity')?.data ?? {}
  await until('the identity to be in its Secret', () => 'current' in secret())

  first.program.kill('SIGKILL')
  await first.program.exited
  const second = await startPod(t, kube, objects, { directory })
  await second.connected()
  const after = await machinesOf(site, 'east.one')
  t.is(after.length, 1, 'it is the same machine')
  t.is(after[0]?.status?.agentId, machine?.status?.agentId)

  const again = await site.client().ask('GET', '/registration/manifest.yaml', { token })
  t.is(again.status, 403, 'the token has been used')
  const cluster = JSON.parse(await site.kubectl('get', 'cluster', 'east.one', '-o', 'json')) as Cluster
  t.is(cluster.status?.machines?.connected, 1)
})

test('version, nodes and health are read through the agent; what changes there, also into another cluster, is said here', async (t) => {
  const site = await startSite(t, { hubArgs: ['--observe-seconds', '5'] })
  const directory = await tempDir(t)
  const kube = await startFakeKube(t)
  const { manifest } = await register(site, 'west')
  t.regex(await site.kubectl('get', 'cluster', 'west', '-o', 'jsonpath={.status.conditions[*].reason}'), /NotRegistered/)
  const pod = await startPod(t, kube, applyManifest(kube, manifest), { directory })
  t.regex(await site.kubectl('wait', '--for=condition=Ready', 'cluster/west', '--timeout=60s'), /condition met/)
  const west = async () => JSON.parse(await site.kubectl('get', 'cluster', 'west', '-o', 'json')) as Cluster
  const first = await west()
  t.is(first.status?.version, 'v1.31.4')
  t.is(first.status?.kubeSystemUID, kube.facts.uid)
  t.like(first.status?.nodes, { total: 2, ready: 2 })
  t.is(first.status?.capacity?.cpuMillicores, 8000)
  t.regex(await site.kubectl('get', 'clusters', '-o', 'wide'), /VERSION +NODES[\s\S]*v1\.31\.4 +2\/2/)

  kube.facts.nodes = [...kube.facts.nodes, node('worker-2', { isReady: false })]
  t.regex(await site.kubectl('wait', '--for=condition=Healthy=false', 'cluster/west', '--timeout=30s'), /condition met/)
  t.regex(JSON.stringify((await west()).status?.conditions), /1 of 3 nodes not ready: worker-2/)

  const own = kube.facts.uid
  kube.facts.uid = '8d5f2c1e-0000-4000-8000-000000000002'
  t.regex(await site.kubectl('wait', '--for=condition=SameCluster=false', 'cluster/west', '--timeout=30s'), /condition met/)
  const led = await site.client().ask('GET', '/clusters/west/proxy/version')
  t.is(led.status, 503)
  t.regex(led.text, /another cluster answers/)
  kube.facts.uid = own
  t.regex(await site.kubectl('wait', '--for=condition=SameCluster', 'cluster/west', '--timeout=30s'), /condition met/)
  t.is((await site.client().ask('GET', '/clusters/west/proxy/version')).status, 200)

  await kube.stop()
  t.regex(await site.kubectl('wait', '--for=condition=Connected=false', 'cluster/west', '--timeout=60s'), /condition met/)
  t.regex(JSON.stringify((await west()).status?.conditions), /API: the agent \S+ is connected, but/)
  await pod.program.stop()
  await until('the agent’s absence to be named', async () => /control plane: the agent \S+ is not/.test(JSON.stringify(await west())), {
    timeoutMs: 60_000,
  })
})

test('a registration is an operator’s, for a Registered cluster, audited without its secret; its manifest needs the token', async (t) => {
  const site = await startSite(t)
  const { manifest, hostCommand } = await register(site, 'north')
  const token = /mlj_[a-z2-7_]+/.exec(hostCommand)?.[0] ?? '-'
  t.regex(hostCommand, /--kubeconfig '\/etc\/kubernetes\/admin\.conf'/)
  const client = site.client()
  t.is((await client.ask('GET', '/registration/manifest.yaml', { token: null })).status, 401)
  t.is((await client.ask('GET', '/registration/manifest.yaml', { token: token.replace(/.$/, 'x') })).status, 401)
  t.is((await client.ask('GET', '/registration/manifest.yaml', { token })).text, manifest)
  t.is((await client.ask('POST', `${clusters}/none/registration`, { body: {} })).status, 404)
  for (const [role, status] of [
    ['viewer', 403],
    ['operator', 201],
  ] as const) {
    const answer = await client.ask('POST', `${clusters}/north/registration`, { token: await tokenOf(site, role), body: {} })
    t.is(answer.status, status, role)
    t.is(answer.text.includes('mlj_'), status === 201, role)
  }
  const other = await site.joinToken({ clusterRef: 'north' })
  t.is((await client.ask('GET', '/registration/manifest.yaml', { token: other.status?.token ?? '' })).status, 401, 'not of a registration')

  const rows = (await client.ask('GET', '/apis/moorline.dev/v1alpha1/auditevents')).text
  t.regex(rows, /Cluster\/registration/)
  t.regex(rows, /the manifest, with join token north-registration-/)
  t.false(rows.includes(token))
})

test('a deleted cluster takes its agent’s identity with it and says what is left there; a new one takes its place', async (t) => {
  const site = await startSite(t)
  const directory = await tempDir(t)
  const kube = await startFakeKube(t)
  const pod = await startPod(t, kube, applyManifest(kube, (await register(site, 'south')).manifest), { directory })
  await pod.connected()
  const deleted = await site.tryKubectl(['delete', 'cluster', 'south'])
  t.is(deleted.code, 0, deleted.stderr)
  t.regex(deleted.stderr, /Warning: .*kubectl delete namespace moorline-system/)
  await until('the agent’s Machine to be gone', async () => (await machinesOf(site, 'south')).length === 0)
  await pod.program.stop()

  // Applied anew where the old identity still is: it is tried, refused, and replaced with the new token.
  const again = await startPod(t, kube, applyManifest(kube, (await register(site, 'south')).manifest), { directory })
  await until('the new identity to be in use', async () => (await machinesOf(site, 'south'))[0]?.status?.phase === 'Connected', {
    timeoutMs: 120_000,
  })
  t.true(again.program.isRunning(), again.program.stderr())
})
