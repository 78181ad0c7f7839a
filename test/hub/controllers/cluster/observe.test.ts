import test from 'ava'
import Value from 'typebox/value'
import { ClusterStatus } from '#shared/contract/cluster.ts'
import { componentStatuses, parseReadyz } from '#hub/controllers/cluster/components.ts'
import { observeCluster } from '#hub/controllers/cluster/observe.ts'
import { parseQuantity } from '#hub/controllers/cluster/quantity.ts'
import { type Answer, json, startClusterServer } from '#test/hub/clusters/server.ts'
import { node } from '#test/tunnel/kube-proxy/fake-kube.ts'

const base: Record<string, Answer> = {
  '/version': json({ gitVersion: 'v1.31.4', platform: 'linux/amd64' }),
  '/api/v1/namespaces/kube-system': json({ metadata: { uid: 'one' } }),
  '/api/v1/nodes': json({ metadata: {}, items: [node('b', {}), node('a', { roles: ['control-plane'], isReady: false })] }),
  '/readyz': (_request, response) =>
    void response.writeHead(500).end('[+]ping ok\n[+]poststarthook/x ok\n[-]etcd failed: reason withheld\nreadyz check failed\n'),
}

test('a look reads version, nodes by name, capacity and what the control plane says of itself', async (t) => {
  const { reader } = await startClusterServer(t, base)
  const seen = await observeCluster(reader)
  t.deepEqual(
    seen.nodes?.items.map(({ name, isReady, roles }) => [name, isReady, roles]),
    [
      ['a', false, ['control-plane']],
      ['b', true, []],
    ],
  )
  t.like(seen.nodes, { total: 2, ready: 1 })
  t.deepEqual(seen.nodes?.items[0]?.problems, ['Not ready: no news'])
  t.like(seen.capacity, { cpuMillicores: 8000, allocatableCpuMillicores: 7840, memoryBytes: 32 * 2 ** 30, pods: 220 })
  t.deepEqual(seen.components, [
    { name: 'ping', isHealthy: true },
    { name: 'etcd', isHealthy: false, message: 'failed: reason withheld' },
  ])
  t.deepEqual(seen.unread, [])
})

test('what could not be read is said, and the rest is kept', async (t) => {
  const forbidden = json({ kind: 'Status', message: 'nodes is forbidden' }, 403)
  const { reader } = await startClusterServer(t, { ...base, '/api/v1/nodes': forbidden })
  const seen = await observeCluster(reader)
  t.is(seen.nodes, undefined)
  t.is(seen.version, 'v1.31.4')
  t.deepEqual(seen.unread, ['GET /api/v1/nodes?limit=50: 403: nodes is forbidden'])
})

test('nodes are read page by page, and a list without an end is given up', async (t) => {
  const all = Array.from({ length: 1234 }, (_, index) => node(`n${String(index).padStart(4, '0')}`, {}))
  const pages: Answer = (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x')
    const from = Number(searchParams.get('continue') ?? 0)
    const next = from + 50 < all.length ? String(from + 50) : undefined
    json({ metadata: { continue: next }, items: all.slice(from, from + 50) })(request, response)
  }
  const { reader } = await startClusterServer(t, { ...base, '/api/v1/nodes': pages })
  const { nodes } = await observeCluster(reader)
  t.is(nodes?.total, 1234)
  t.is(nodes?.items.length, 500)
  const endless = await startClusterServer(t, { ...base, '/api/v1/nodes': json({ metadata: { continue: 'more' }, items: [] }) })
  t.regex((await observeCluster(endless.reader)).unread[0] ?? '', /a page without nodes names a next one/)
})

test('a hostile cluster fills a status with nothing but what its schema allows', async (t) => {
  const long = 'x'.repeat(60_000)
  const evil = {
    metadata: {
      name: '\u001b[31m<script>',
      labels: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`node-role.kubernetes.io/${long}${i}`, 1])),
    },
    status: {
      conditions: Array.from({ length: 900 }, (_, i) => ({
        type: i ? 'DiskPressure' : 'Ready',
        status: i ? 'True' : 'False',
        message: `\u202e${long}`,
      })),
      addresses: Array.from({ length: 900 }, () => ({ address: long })),
      nodeInfo: { kubeletVersion: long, osImage: long },
      capacity: { cpu: '1e99', memory: '-5', pods: '__proto__' },
      allocatable: { cpu: {}, memory: 'NaN' },
    },
  }
  const evilSmall = {
    ...evil,
    status: { ...evil.status, conditions: evil.status.conditions.slice(0, 40), addresses: evil.status.addresses.slice(0, 20) },
    metadata: { name: evil.metadata.name, labels: {} },
  }
  const { reader } = await startClusterServer(t, {
    ...base,
    '/api/v1/nodes': json({ items: [evilSmall] }),
    '/readyz': (_request, response) => void response.end(`[-]${'y'.repeat(200)} ${long.slice(0, 30_000)}\n`),
    '/api/v1/componentstatuses': json({
      items: Array.from({ length: 200 }, () => ({
        metadata: { name: 'z' },
        conditions: [{ type: 'Healthy', status: 'False', message: 'm'.repeat(800) }],
      })),
    }),
  })
  const { nodes, capacity, components, unread } = await observeCluster(reader)
  t.deepEqual(unread, [])
  const status = JSON.parse(JSON.stringify({ nodes, capacity, components })) as unknown
  t.deepEqual([...Value.Errors(ClusterStatus, status)], [])
  t.is(nodes?.items[0]?.name, '[31m<script>')
  t.false(/[\u0000-\u001f\u202e]/.test(JSON.stringify(status)))
})

test('quantities are those of Kubernetes', (t) => {
  t.is(parseQuantity('4'), 4)
  t.is(parseQuantity('3920m'), 3.92)
  t.is(parseQuantity('16Gi'), 16 * 2 ** 30)
  t.is(parseQuantity('1.5k'), 1500)
  t.is(parseQuantity('2e3'), 2000)
  t.is(parseQuantity('12E'), 12e18)
  for (const wrong of ['', '-1', 'x', '1Zi', '1 Gi', undefined, 'constructor']) t.is(parseQuantity(wrong), undefined, String(wrong))
})

test('componentstatuses that ask at a port which kubeadm has closed say nothing', (t) => {
  const component = (name: string, status: string, message: string) => ({
    ...{ metadata: { name }, conditions: [{ type: 'Healthy', status, message }] },
  })
  const refused = 'Get "http://127.0.0.1:10251/healthz": dial tcp 127.0.0.1:10251: connect: connection refused'
  const list = {
    items: [component('scheduler', 'False', refused), component('etcd-0', 'True', '{"health":"true"}'), component('x', 'False', 'no')],
  }
  t.deepEqual(componentStatuses(list), [
    { name: 'etcd-0', isHealthy: true },
    { name: 'x', isHealthy: false, message: 'no' },
  ])
  t.is(parseReadyz('ok'), undefined)
})
