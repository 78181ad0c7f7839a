import test from 'ava'
import { parseAllDocuments } from 'yaml'
import { manifestObjects, manifestYaml } from '#hub/api/registration/manifest.ts'

const facts = {
  ...{ cluster: 'prod.eu', joinToken: 'mlj_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', hub: 'hub.example.com:443' },
  ...{ fleetPins: [`${'A'.repeat(43)}=`, `${'B'.repeat(43)}=`], image: 'registry.example.com/moorline-agent:0.1.0' },
}
interface Rule {
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
  nonResourceURLs?: string[]
  verbs: string[]
}
const objects = manifestObjects(facts)
const rulesOf = (kind: string) =>
  objects
    .filter((object) => object.kind === kind)
    .flatMap(({ metadata, rules }) => (rules as Rule[]).map((rule) => ({ role: metadata.name, ...rule })))
const find = (kind: string, name: string) => objects.find((object) => object.kind === kind && object.metadata.name === name)

test('the rights have no wildcard, write nothing, and touch no Secret but the identity', (t) => {
  const clusterWide = rulesOf('ClusterRole')
  for (const rule of [...clusterWide, ...rulesOf('Role')])
    for (const text of [...rule.verbs, ...(rule.apiGroups ?? []), ...(rule.resources ?? [])]) t.false(text.includes('*'), rule.role)
  for (const { verbs, resources } of clusterWide) {
    t.deepEqual(
      verbs.filter((verb) => !['get', 'list', 'watch', 'impersonate'].includes(verb)),
      [],
    )
    t.false(resources?.includes('secrets') ?? false)
  }
  t.deepEqual(rulesOf('Role'), [
    {
      role: 'moorline-agent',
      apiGroups: [''],
      resources: ['secrets'],
      resourceNames: ['moorline-agent-identity'],
      verbs: ['get', 'update'],
    },
  ])
})

test('the agent impersonates the groups that are bound, and no service account', (t) => {
  const impersonated = rulesOf('ClusterRole').filter(({ verbs }) => verbs.includes('impersonate'))
  t.deepEqual(
    impersonated.map(({ role, resources, resourceNames }) => [role, resources, resourceNames]),
    [
      ['moorline-agent', ['users'], undefined],
      ['moorline-agent', ['groups'], ['moorline:view', 'moorline:edit', 'moorline:admin', 'moorline:observe']],
    ],
  )
  const bound = objects
    .filter(({ kind }) => kind === 'ClusterRoleBinding')
    .map(({ roleRef, subjects }) => [(roleRef as { name: string }).name, (subjects as { name: string }[]).map(({ name }) => name).join()])
  t.deepEqual(bound, [
    ['view', 'moorline:view'],
    ['edit', 'moorline:edit'],
    ['cluster-admin', 'moorline:admin'],
    ['moorline-cluster-scoped-view', 'moorline:view,moorline:edit'],
    ['moorline-observe', 'moorline:observe'],
    ['moorline-agent', 'moorline-agent'],
  ])
})

test('the pod has no privilege, opens no port, writes to memory only, and starts again with each new token', (t) => {
  const { spec } = find('Deployment', 'moorline-agent') as unknown as {
    spec: { replicas: number; strategy: object; template: { metadata: object; spec: Record<string, unknown> } }
  }
  t.is(spec.replicas, 1)
  t.deepEqual(spec.strategy, { type: 'Recreate' })
  const pod = spec.template.spec
  t.like(pod.securityContext, { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: 'RuntimeDefault' } })
  const [container] = pod.containers as Record<string, unknown>[]
  t.deepEqual(container?.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  t.is(container?.ports, undefined)
  for (const volume of pod.volumes as { emptyDir?: { medium: string; sizeLimit?: string }; hostPath?: object }[]) {
    t.is(volume.hostPath, undefined)
    if (volume.emptyDir) t.truthy(volume.emptyDir.medium === 'Memory' && volume.emptyDir.sizeLimit)
  }
  t.is(pod.hostname, 'prod-eu-agent')
  t.is(container?.image, facts.image)
  const other = manifestObjects({ ...facts, joinToken: 'mlj_cccccccc_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' })
  t.notDeepEqual(other.at(-1), objects.at(-1))
})

test('the secret is in one Secret and nowhere else, and the identity’s Secret is left to the agent', (t) => {
  const holders = objects.filter((object) => JSON.stringify(object).includes(facts.joinToken))
  t.deepEqual(
    holders.map(({ kind, metadata }) => [kind, metadata.name]),
    [['Secret', 'moorline-agent-join']],
  )
  const identity = find('Secret', 'moorline-agent-identity')
  t.is(identity?.data ?? identity?.stringData, undefined)
  const { data } = find('ConfigMap', 'moorline-agent-policy') as unknown as { data: Record<string, string> }
  t.deepEqual(JSON.parse(data['agent-policy.json'] ?? ''), { allowedActions: [], kubernetes: { source: 'serviceAccount' } })
})

test('the YAML says the same as the objects, without aliases, and uses API versions that 1.19 to 1.35 have', (t) => {
  const yaml = manifestYaml(facts)
  t.deepEqual(
    parseAllDocuments(yaml).map((document) => document.toJS() as unknown),
    JSON.parse(JSON.stringify(objects)),
  )
  t.false(/[&*]a\d/.test(yaml))
  t.deepEqual([...new Set(objects.map(({ apiVersion }) => apiVersion))].sort(), ['apps/v1', 'rbac.authorization.k8s.io/v1', 'v1'])
})
