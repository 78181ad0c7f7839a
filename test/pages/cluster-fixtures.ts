// Canned clusters, credentials and a machine over SSH: one that is well, one that waits, one that is imported and in trouble.
import type { FakeApi } from './fake-api.ts'
import { condition, minutesAgo } from './moments.ts'

const gibibyte = 1024 ** 3

export function clusterNode(index: number, overrides: Record<string, unknown> = {}) {
  return {
    name: `worker-${String(index).padStart(3, '0')}`,
    isReady: true,
    isSchedulable: true,
    roles: ['worker'],
    version: 'v1.31.4',
    addresses: [`10.40.${index >> 8}.${index & 255}`],
    os: 'Debian GNU/Linux 13 (trixie)',
    problems: [],
    ...overrides,
  }
}

/** What the hub writes about a cluster that it has read; with so many nodes. */
export function clusterStatus(count: number, overrides: Record<string, unknown> = {}) {
  const items = Array.from({ length: Math.min(count, 500) }, (_, index) =>
    index === 0 ? clusterNode(0, { name: 'control-0', roles: ['control-plane', 'etcd'] }) : clusterNode(index),
  )
  return {
    phase: 'Running',
    machines: { total: 6, connected: 4, pending: 1 },
    version: 'v1.31.4',
    platform: 'linux/amd64',
    kubeSystemUID: '3f0c1c9e-7a55-4d0e-9c1b-0c6a2c9b7d41',
    nodes: { total: count, ready: count, items },
    capacity: {
      cpuMillicores: count * 16_000,
      memoryBytes: count * 62.7 * gibibyte,
      pods: count * 110,
      allocatableCpuMillicores: count * 15_800,
      allocatableMemoryBytes: count * 60.2 * gibibyte,
    },
    components: [
      { name: 'etcd', isHealthy: true },
      { name: 'informer-sync', isHealthy: true },
      { name: 'scheduler', isHealthy: true, message: 'ok' },
      { name: 'controller-manager', isHealthy: true, message: 'ok' },
    ],
    observedAt: minutesAgo(0.4),
    conditions: [
      condition('Connected', 'True', 'BothPlanes', 'The agent is connected and the API server answered through the tunnel'),
      condition('Healthy', 'True', 'AllHealthy', 'Every component and every node is well'),
      condition('Ready', 'True', 'Ready', 'Connected, supported and healthy'),
      condition('VersionSupported', 'True', 'Supported', 'v1.31 is between 1.28 and 1.36'),
    ],
    ...overrides,
  }
}

export function smallClusters(api: FakeApi): void {
  const status = clusterStatus(5)
  const [, second, third] = status.nodes.items
  if (second) Object.assign(second, { isReady: false, problems: ['Kubelet stopped posting node status for 4 minutes'] })
  if (third) Object.assign(third, { isSchedulable: false, problems: ['DiskPressure: /var/lib/kubelet is 92 % full'] })
  api.put('clusters', {
    metadata: { name: 'edge-west', creationTimestamp: minutesAgo(9000) },
    spec: { type: 'Registered', displayName: 'Edge West', description: 'Shops on the west coast' },
    status: { ...status, nodes: { ...status.nodes, ready: 4 } },
  })
  api.put('clusters', {
    metadata: { name: 'lab', creationTimestamp: minutesAgo(400) },
    spec: { type: 'Registered' },
    status: {
      phase: 'Pending',
      machines: { total: 0, connected: 0, pending: 0 },
      conditions: [
        condition('Connected', 'False', 'NotRegistered', 'No agent of this cluster has connected yet'),
        condition('Ready', 'False', 'NotConnected', 'Nothing has been read from this cluster yet'),
      ],
    },
  })
  api.put('clusters', {
    metadata: { name: 'cloud', creationTimestamp: minutesAgo(5000) },
    spec: {
      type: 'Imported',
      apiServer: 'https://k8s.cloud.example:6443',
      credentialRef: 'cloud-admin',
      proxy: { url: 'socks5://proxy.example:1080', credentialRef: 'proxy-west' },
    },
    status: clusterStatus(3, {
      version: 'v1.26.9',
      components: [
        { name: 'etcd', isHealthy: true },
        { name: 'controller-manager', isHealthy: false, message: 'Get "http://127.0.0.1:10252/healthz": connection refused' },
      ],
      conditions: [
        condition('Connected', 'True', 'Answers', 'The API server answered through the proxy'),
        condition('CredentialExpiring', 'True', 'ClientCertificate', 'The client certificate of cloud-admin expires in 9 days', 600),
        condition('CredentialValid', 'True', 'Accepted', 'The cluster accepted the credential'),
        condition('Healthy', 'False', 'ComponentsUnhealthy', 'controller-manager is not healthy', 20),
        condition('Ready', 'False', 'Unhealthy', 'controller-manager is not healthy', 20),
        condition('VersionSupported', 'False', 'TooOld', 'v1.26.15 is older than the supported 1.28 to 1.36. Upgrade it', 5000),
      ],
    }),
  })
  const credential = (name: string, type: string, fields: string[], extra: object = {}) =>
    api.put('credentials', {
      metadata: { name, creationTimestamp: minutesAgo(5000) },
      spec: { type, description: `For ${name}`, data: Object.fromEntries(fields.map((field) => [field, '(sealed)'])) },
      status: { fingerprint: `${name.length}f3a91c204de`, updatedAt: minutesAgo(4000), ...extra },
    })
  credential('cloud-admin', 'Kubeconfig', ['kubeconfig'], { expiresAt: minutesAgo(-9 * 1440) })
  credential('proxy-west', 'Password', ['username', 'password'])
  credential('fleet-key', 'SSHKey', ['privateKey', 'passphrase'])
  credential('old-token', 'Token', ['token'], { expiresAt: minutesAgo(300) })
}

/** A machine that is being installed. */
export function overSsh(api: FakeApi): void {
  api.put('machines', {
    metadata: { name: 'over-ssh', creationTimestamp: minutesAgo(1) },
    spec: { role: 'worker', ssh: { host: '10.20.0.40', port: 2222, user: 'ops', credentialRef: 'fleet-key' } },
    status: {
      phase: 'Pending',
      ssh: { hostKey: 'SHA256:9sB1pX0mEjYfP3xq4T0eN3nSk1Zk0B7uGq3ZcUo2m4E', task: 'over-ssh-install' },
      conditions: [],
    },
  })
  api.put('tasks', {
    metadata: { name: 'over-ssh-install', creationTimestamp: minutesAgo(1) },
    spec: { machine: 'over-ssh', action: 'install-agent', input: {}, timeoutSeconds: 600, attempt: 1 },
    status: { state: 'Running', attempt: 1, startedAt: minutesAgo(0.9), deliveredAt: minutesAgo(0.9) },
  })
  api.log('over-ssh-install', { sequence: 1, at: minutesAgo(0.9), stream: 'stdout', text: 'connected to 10.20.0.40 port 2222\n' })
}
