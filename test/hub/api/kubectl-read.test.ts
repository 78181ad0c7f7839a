import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { kubectl } from '#test/helpers/kubectl.ts'
import { base, manifest, startApi } from './fixture.ts'

async function startWithMachines(t: Parameters<typeof startApi>[0]) {
  const api = await startApi(t)
  await api.resources.create('Cluster', manifest('Cluster', 'edge', { type: 'Registered', displayName: 'Edge' }))
  await api.resources.create('Machine', manifest('Machine', 'm1', { clusterRef: 'edge', role: 'controlPlane' }, { labels: { rack: 'a' } }))
  await api.resources.create('Machine', manifest('Machine', 'm2', { role: 'worker' }, { labels: { rack: 'b' } }))
  return api
}

test('kubectl get prints tables, wide tables, names, JSON and YAML', async (t) => {
  const api = await startWithMachines(t)
  const plain = await api.kubectl('get', 'machines')
  t.is(plain.code, 0, plain.stderr)
  const [header = '', first = ''] = plain.stdout.split('\n')
  t.regex(header, /^NAME\s.*\sAGE\s*$/)
  t.regex(first, /^m1\s+edge\s/)

  const wide = await api.kubectl('get', 'machines', '-o', 'wide')
  t.true((wide.stdout.split('\n')[0] ?? '').length > header.length)

  t.is((await api.kubectl('get', 'mach', '-o', 'name')).stdout, 'machine.moorline.dev/m1\nmachine.moorline.dev/m2\n')
  const yaml = await api.kubectl('get', 'machine', 'm1', '-o', 'yaml')
  t.true(yaml.stdout.startsWith('apiVersion: moorline.dev/v1alpha1\nkind: Machine\n'))
  const json = JSON.parse((await api.kubectl('get', 'machine', 'm1', '-o', 'json')).stdout) as Machine
  t.is(json.spec.role, 'controlPlane')
  t.regex((await api.kubectl('get', 'machines', '--show-labels')).stdout, /rack=a/)
  t.regex((await api.kubectl('get', 'machines', '--sort-by=.metadata.name')).stdout, /m1[\s\S]*m2/)
  t.regex((await api.kubectl('get', 'machines,clusters')).stdout, /machine\.moorline\.dev\/m1[\s\S]*cluster\.moorline\.dev\/edge/)
})

test('kubectl selects by label and by declared field, and is told which fields there are', async (t) => {
  const api = await startWithMachines(t)
  t.is((await api.kubectl('get', 'machines', '-l', 'rack in (b)', '-o', 'name')).stdout, 'machine.moorline.dev/m2\n')
  t.is((await api.kubectl('get', 'machines', '--field-selector', 'spec.clusterRef=edge', '-o', 'name')).stdout, 'machine.moorline.dev/m1\n')
  const bad = await api.kubectl('get', 'machines', '--field-selector', 'spec.color=red')
  t.is(bad.code, 1)
  t.regex(bad.stderr, /spec\.clusterRef/)
})

test('kubectl get reads long lists page by page', async (t) => {
  const api = await startWithMachines(t)
  t.is((await api.kubectl('get', 'machines', '--chunk-size=1', '-o', 'name')).stdout, 'machine.moorline.dev/m1\nmachine.moorline.dev/m2\n')
})

test('kubectl describe, explain, api-resources and version work', async (t) => {
  const api = await startWithMachines(t)
  const described = await api.kubectl('describe', 'machine', 'm1')
  t.regex(described.stdout, /Name:\s+m1/)
  t.regex(described.stdout, /Cluster Ref:\s+edge/)
  const explained = await api.kubectl('explain', 'machines.spec.approved')
  t.regex(explained.stdout, /approved <boolean>/)
  t.regex(explained.stdout, /fingerprint/)
  t.regex((await api.kubectl('explain', 'task', '--recursive')).stdout, /timeoutSeconds\t<integer>/)
  const kinds = await api.kubectl('api-resources', '--api-group=moorline.dev', '--no-headers')
  t.is(kinds.stdout.trim().split('\n').length, api.resources.definitions().length)
  t.regex((await api.kubectl('version')).stdout, /Server Version: .*moorline-0\.1\.0/)
})

test('kubectl auth can-i and whoami say what a viewer may do', async (t) => {
  const api = await startWithMachines(t)
  const viewer = await api.kubeconfig(await api.tokenFor('viewer'))
  t.is((await kubectl(viewer, ['auth', 'can-i', 'list', 'machines.moorline.dev'])).stdout.trim(), 'yes')
  const denied = await kubectl(viewer, ['auth', 'can-i', 'delete', 'machines.moorline.dev'])
  t.regex(denied.stdout, /^no/)
  t.is(denied.code, 1)
  t.regex((await kubectl(viewer, ['auth', 'can-i', '--list'])).stdout, /machines\.moorline\.dev\s.*\[get list watch\]/)
  t.regex((await kubectl(viewer, ['auth', 'whoami'])).stdout, /Username\s+user1/)
  const refused = await kubectl(viewer, ['delete', 'machine', 'm1'])
  t.regex(refused.stderr, /Forbidden.*may not delete Machine m1/)
})

test('kubectl tells what does not exist', async (t) => {
  const api = await startWithMachines(t)
  t.regex((await api.kubectl('get', 'machine', 'm9')).stderr, /\(NotFound\): machines\.moorline\.dev "m9" not found/)
  t.regex((await api.kubectl('get', 'unicorns')).stderr, /doesn't have a resource type "unicorns"/)
})

test('a list can be had as metadata only and as YAML', async (t) => {
  const api = await startWithMachines(t)
  const partial = await api.ask(`${base}/machines`, {
    token: api.adminToken,
    headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
  })
  t.is(partial.json().kind, 'PartialObjectMetadataList')
  t.is(partial.json().items[0].spec, undefined)
  t.is(partial.json().items[0].metadata.name, 'm1')
  const yaml = await api.ask(`${base}/machines`, { token: api.adminToken, headers: { accept: 'application/yaml' } })
  t.regex(yaml.text, /^kind: MachineList$/m)
  const none = await api.ask(`${base}/machines`, { token: api.adminToken, headers: { accept: 'image/png' } })
  t.is(none.status, 406)
  t.is(none.json().reason, 'NotAcceptable')
})

test('discovery is given whole to clients that ask for the aggregated form', async (t) => {
  const api = await startWithMachines(t)
  for (const version of ['v2', 'v2beta1']) {
    const answer = await api.ask('/apis', {
      token: api.adminToken,
      headers: { accept: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json` },
    })
    t.is(answer.json().apiVersion, `apidiscovery.k8s.io/${version}`)
    const own = answer.json().items.find((item: { metadata: { name: string } }) => item.metadata.name === 'moorline.dev')
    t.deepEqual(
      own.versions[0].resources.map((resource: { resource: string }) => resource.resource),
      api.resources.definitions().map((definition) => definition.plural),
    )
  }
})
