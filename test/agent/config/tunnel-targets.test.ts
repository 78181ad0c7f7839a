import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { createPolicy, readPolicy } from '#agent/config/policy.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

async function read(t: Parameters<typeof tempDir>[0], policy: unknown) {
  const stateDir = await tempDir(t)
  const policyFile = join(stateDir, 'policy.json')
  await writeFile(policyFile, JSON.stringify(policy), { mode: 0o600 })
  return () => readPolicy({ stateDir, policyFile })
}

test('without a word about tunnels the hub reaches nothing through this machine', (t) => {
  t.deepEqual(createPolicy({}, undefined, []).tunnelTargets(), {})
  t.deepEqual(createPolicy({ tunnel: {} }, undefined, []).tunnelTargets(), {})
})

test('a target is a name with a host and a port', async (t) => {
  const targets = {
    registry: { host: '127.0.0.1', port: 5000 },
    six: { host: 'fd00::1', port: 443 },
    local: { host: 'localhost', port: 22 },
    'by-name': { host: 'api.cluster.example.com', port: 6443 },
  }
  t.deepEqual((await read(t, { tunnel: { targets } }))().tunnelTargets(), targets)
})

test('a host that is an address to some resolvers only, a port out of range and a name that is no name are refused', async (t) => {
  const wrong: [string, unknown][] = [
    ...[
      '0x7f000001',
      '2130706433',
      '0177.0.0.1',
      '127.1',
      '1.2.3.4.5',
      'a..b',
      'a_b',
      '-a',
      'a b',
      '[::1]',
      'fe80::1%eth0',
      'kube:6443',
      '',
    ].map((host): [string, unknown] => ['registry', { host, port: 1 }]),
    ...[0, 65_536, 1.5, '22'].map((port): [string, unknown] => ['registry', { host: 'a', port }]),
    ...['Kube', 'ku be', '1kube', 'kube-', '__proto__x', 'a'.repeat(64), ''].map((name): [string, unknown] => [
      name,
      { host: 'a', port: 1 },
    ]),
    ['registry', { host: 'a', port: 1, extra: true }],
  ]
  for (const [name, target] of wrong) {
    const load = await read(t, { tunnel: { targets: { [name]: target } } })
    t.like(t.throws(load), { code: 'PolicyInvalid' }, `${name}: ${JSON.stringify(target)}`)
  }
})

test("the names of the cluster's API and of the terminal are no names for a host and port", async (t) => {
  for (const name of ['kube', 'terminal']) {
    const load = await read(t, { tunnel: { targets: { [name]: { host: '127.0.0.1', port: 6443 } } } })
    t.like(t.throws(load), { code: 'PolicyInvalid' })
    t.regex(String(t.throws(load)), new RegExp(`tunnel.targets.${name}: this name has a meaning of its own; use the part "`))
  }
})

test('a cluster is led to with the credentials that the policy names, and only then', async (t) => {
  const policy = (
    await read(t, {
      kubernetes: { source: 'kubeconfig', path: '/etc/kubernetes/admin.conf' },
      tunnel: { targets: { registry: { host: '127.0.0.1', port: 5000 } } },
    })
  )()
  t.deepEqual(policy.kubernetes(), { source: 'kubeconfig', path: '/etc/kubernetes/admin.conf' })
  t.deepEqual(policy.targetNames(), ['kube', 'registry'])
  t.is(createPolicy({}, undefined, []).kubernetes(), undefined)
  t.deepEqual((await read(t, { kubernetes: { source: 'serviceAccount' } }))().targetNames(), ['kube'])
  for (const kubernetes of [
    {},
    { source: 'kubeconfig' },
    { source: 'kubeconfig', path: 'admin.conf' },
    { source: 'serviceAccount', path: '/x' },
    { source: 'env' },
  ])
    t.like(t.throws(await read(t, { kubernetes })), { code: 'PolicyInvalid' }, JSON.stringify(kubernetes))
})
