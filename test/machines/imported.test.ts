// A cluster that the hub dials itself: a real API server with what its own kubeadm and its own service accounts gave out. No agent.
import { readFile } from 'node:fs/promises'
import test from 'ava'
import { parse } from 'yaml'
import type { Cluster } from '#shared/contract/cluster.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { tryCommand } from '#scripts/dev/command.ts'
import { createOwner } from '#test/faults/owner.ts'
import { until } from '#test/helpers/until.ts'
import { conditionOf, list, type Site, startSite } from '#test/integration/site.ts'
import { kubeconfigOf } from './bed/bed.ts'
import { testBed } from './bed/for-tests.ts'
import { type DirectKubectl, kubectlFor } from './bed/kubectl.ts'
import { addressOf } from './bed/machine-files.ts'
import { firewalled, hubAddress, hubPort, setFirewall } from './bed/network.ts'
import { proxyKinds, startProxy } from './proxy.ts'
import { startPods } from './site.ts'
import { createUser } from './user.ts'

const bed = testBed()
const owner = createOwner()
const [controlPlane, worker] = [addressOf({ name: 'c1', index: 1 }), addressOf({ name: 'w1', index: 2 })]
const apiServer = `https://${controlPlane}:6443`
const serviceAccount = ['-n', 'kube-system', 'serviceaccount', 'moorline-hub']
let site: Site
let direct: DirectKubectl
let kubeconfig: string
let certificateAuthority: string

test.before(async () => {
  direct = await kubectlFor(bed)
  kubeconfig = await readFile(kubeconfigOf(bed), 'utf8')
  const config = parse(kubeconfig) as { clusters: { cluster: { 'certificate-authority-data': string } }[] }
  certificateAuthority = Buffer.from(config.clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64').toString()
  owner.teardown(() => setFirewall(bed, firewalled))
  site = await startSite(owner, { listen: { host: hubAddress, port: hubPort } })
})
test.after.always(() => owner.close())

const tryApply = (kind: 'Cluster' | 'Credential', name: string, spec: object, ...args: string[]) =>
  site.tryKubectl(['apply', '-f', '-', ...args], list([{ apiVersion, kind, metadata: { name }, spec }]))
const apply = (kind: 'Cluster' | 'Credential', name: string, spec: object) => site.apply({ apiVersion, kind, metadata: { name }, spec })
const clusterOf = async (name: string) => JSON.parse(await site.kubectl('get', 'cluster', name, '-o', 'json')) as Cluster
const open = (...ports: number[]) => setFirewall(bed, { exit: 'proxy-only', open: ports })

test.serial(
  'behind a firewall it is refused with the firewall named; opened, its kubeconfig shows version, nodes and health',
  async (t) => {
    await apply('Credential', 'by-file', { type: 'Kubeconfig', data: { kubeconfig } })
    const refused = await tryApply('Cluster', 'by-file', { type: 'Imported', credentialRef: 'by-file' })
    t.is(refused.code, 1)
    t.regex(refused.stderr, /spec\.apiServer: .*10\.77\.0\.11:6443.*firewall/)
    await open(6443)
    await apply('Cluster', 'by-file', { type: 'Imported', credentialRef: 'by-file' })
    await site.kubectl('wait', 'cluster/by-file', '--for=condition=Ready', '--timeout=30s')
    const { status } = await clusterOf('by-file')
    t.is(status?.version, 'v1.20.2')
    t.is(status?.kubeSystemUID, await direct.run(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']))
    t.like(status?.nodes, { total: 2, ready: 2 })
    t.deepEqual(
      status?.nodes?.items.map(({ name, isReady, version }) => [name, isReady, version]),
      ['c1', 'w1'].map((name) => [name, true, 'v1.20.2']),
    )
    t.true(
      status?.components?.some(({ name, isHealthy }) => name === 'etcd' && isHealthy),
      JSON.stringify(status?.components),
    )
    for (const [type, value, reason] of [
      ['Healthy', 'True', 'AllHealthy'],
      ['VersionSupported', 'False', 'TooOld'],
      ['CredentialValid', 'True', 'Accepted'],
      ['CredentialExpiring', 'False', 'NotSoon'],
    ])
      t.like(conditionOf({ status }, type ?? ''), { status: value, reason })
  },
)

test.serial('its users may do nothing until the shown rights are bound, then get, read logs and exec in their own name', async (t) => {
  await startPods(t, { direct }, [{ name: 'box', command: ['bash', '-c', 'echo ready; sleep infinity'] }])
  const viewer = await createUser(site, 'by-file', 'viewer')
  const operator = await createUser(site, 'by-file', 'operator')
  const before = await viewer.try(['get', 'pods'])
  t.regex(before.stderr, /User "moorline:u-viewer" cannot list resource "pods"/)
  const rights = (await site.client().ask('GET', `/apis/${apiVersion}/clusters/by-file/rights`)).text
  owner.teardown(async () => void (await direct.run(['delete', '-f', '-', '--ignore-not-found'], rights)))
  await direct.run(['apply', '-f', '-'], rights)
  await until('the rights to count', async () => (await viewer.try(['get', 'pods'])).code === 0)
  t.is(await viewer.run(['get', 'nodes', '-o', 'name']), 'node/c1\nnode/w1\n')
  t.is(await viewer.run(['logs', 'box']), 'ready\n')
  t.regex((await viewer.try(['exec', 'box', '--', 'true'])).stderr, /forbidden/i)
  for (const minor of [28, 31, 35] as const)
    t.is(await operator.run(['exec', '-i', 'box', '--', 'cat'], { minor, stdin: `through 1.${minor}` }), `through 1.${minor}`)
})

test.serial(
  "a service account's token with address and CA: another one takes its place under an open watch, a dead one does not",
  async (t) => {
    t.timeout(120_000)
    owner.teardown(async () => void (await direct.run(['delete', ...serviceAccount, '--ignore-not-found'])))
    await direct.run(['create', ...serviceAccount])
    for (const role of ['moorline-impersonator', 'moorline-observe']) {
      const binding = `moorline-hub-${role}`
      owner.teardown(async () => void (await direct.run(['delete', 'clusterrolebinding', binding, '--ignore-not-found'])))
      await direct.run(['create', 'clusterrolebinding', binding, `--clusterrole=${role}`, '--serviceaccount=kube-system:moorline-hub'])
    }
    const secret = await until('its Secret', () => direct.run(['get', ...serviceAccount, '-o', 'jsonpath={.secrets[0].name}']))
    const first = await direct.run(['-n', 'kube-system', 'get', 'secret', secret, '-o', 'go-template={{.data.token | base64decode}}'])
    const second = (await direct.run(['create', '-n', 'kube-system', 'token', 'moorline-hub', '--duration=2h'])).trim()
    for (const name of ['account', 'first']) await apply('Credential', name, { type: 'Token', data: { token: first } })
    await apply('Cluster', 'by-token', { type: 'Imported', credentialRef: 'account', apiServer, certificateAuthority })
    await site.kubectl('wait', 'cluster/by-token', '--for=condition=Ready', '--timeout=30s')
    t.like(conditionOf(await clusterOf('by-token'), 'CredentialExpiring'), { status: 'False', reason: 'NoEnd' })

    const admin = await createUser(site, 'by-token', 'admin')
    const watching = await admin.start(t, ['get', 'configmaps', '--watch', '--no-headers'])
    await until('the watch to show what is there', () => watching.stdout().includes('kube-root-ca.crt'))
    await apply('Credential', 'account', { type: 'Token', data: { token: second } })
    await direct.run(['-n', 'kube-system', 'delete', 'secret', secret])
    await until('the cluster to refuse the first token', async () => {
      const spec = { type: 'Imported', credentialRef: 'first', apiServer, certificateAuthority }
      return /does not accept/.test((await tryApply('Cluster', 'tried', spec, '--dry-run=server')).stderr)
    })
    await admin.run(['create', 'configmap', 'after-the-change'])
    await until('the watch to go on', () => watching.stdout().includes('after-the-change'))
    await admin.run(['delete', 'configmap', 'after-the-change'])
    const back = await tryApply('Credential', 'account', { type: 'Token', data: { token: first } })
    t.regex(back.stderr, /spec\.data\.token: cluster by-token, which uses it: the cluster does not accept the credential/)
    t.is(await admin.run(['get', 'nodes', '-o', 'name']), 'node/c1\nnode/w1\n', 'the second one is still in use')
    await until('its end to be said', async () => conditionOf(await clusterOf('by-token'), 'CredentialExpiring')?.reason === 'EndsSoon')
    await watching.stop()
  },
)

for (const kind of proxyKinds)
  test.serial(`only an ${kind} proxy beside it is open: the cluster is dialled through it, kubectl too`, async (t) => {
    const { url, port, username, password } = await startProxy(t, bed, kind, { part: 'w1', address: worker, leadsTo: 6443 })
    const name = `by-${url.split(':')[0]}`
    await open(port)
    await apply('Credential', name, { type: 'Password', data: { username, password } })
    await apply('Cluster', name, { type: 'Imported', credentialRef: 'by-file', proxy: { url, credentialRef: name } })
    const admin = await createUser(site, name, 'admin')
    t.is(await admin.run(['get', 'nodes', '-o', 'name']), 'node/c1\nnode/w1\n')
    const past = await tryCommand('socat', ['-u', '/dev/null', `TCP:${controlPlane}:6443,connect-timeout=2`])
    t.not(past.code, 0, 'there is no way past it')
  })
