// Canned objects for the pages: a small fleet in every state, and one whose every string is an attack.
import { overSsh, smallClusters } from './cluster-fixtures.ts'
import type { FakeApi } from './fake-api.ts'
import { condition, minutesAgo } from './moments.ts'

export const fingerprint = '7f3a 91c2 04de 5b68 aa10 3c9f e2d4 7781 0b5e c6f3 49d1 8a27 f07c 2e96 b3d8 5a41'

export function facts(overrides: Record<string, unknown> = {}) {
  return {
    hostname: 'node-01.dc1.example',
    os: { id: 'debian', versionId: '13', prettyName: 'Debian GNU/Linux 13 (trixie)' },
    kernel: '6.12.43+deb13-amd64',
    architecture: 'x86_64',
    virtualization: 'kvm',
    initSystem: 'systemd 257',
    cpu: { model: 'AMD EPYC 9354 32-Core Processor', count: 16 },
    memory: { totalBytes: 67_400_000_000, availableBytes: 51_200_000_000, swapTotalBytes: 0 },
    disks: [
      {
        mountPoint: '/',
        device: '/dev/nvme0n1p2',
        fsType: 'ext4',
        sizeBytes: 214_000_000_000,
        availableBytes: 171_000_000_000,
        inodesFree: 12_900_000,
      },
      { mountPoint: '/var/lib/etcd', device: '/dev/nvme1n1', fsType: 'xfs', sizeBytes: 53_000_000_000, availableBytes: 52_100_000_000 },
    ],
    nics: [
      { name: 'eth0', mac: '52:54:00:1a:2b:3c', mtu: 1500, up: true, speedMbps: 25_000, addresses: ['10.20.0.11/24', 'fd00:20::11/64'] },
      { name: 'eth1', mac: '52:54:00:1a:2b:3d', mtu: 9000, up: false, addresses: [] },
    ],
    routes: [
      { destination: 'default', gateway: '10.20.0.1', interface: 'eth0', family: 4 },
      { destination: '10.20.0.0/24', interface: 'eth0', family: 4 },
    ],
    resolvers: ['10.20.0.2', '10.20.0.3'],
    runtime: { name: 'containerd', version: '2.1.4' },
    bootId: 'b0071d',
    machineIdHash: 'a1b2c3',
    collectedAt: minutesAgo(3),
    ...overrides,
  }
}

export function row(id: string, overrides: Record<string, unknown> = {}) {
  return {
    id,
    severity: 'error',
    outcome: 'pass',
    observed: 'as expected',
    expected: 'as expected',
    source: 'kubeadm preflight',
    remedy: '',
    appliesTo: { roles: ['controlPlane', 'worker'], kubernetes: '>=1.28' },
    group: 'kubeadm',
    durationMs: 12,
    ...overrides,
  }
}

export const rows = [
  row('NumCPU', { observed: '16 processors', expected: 'at least 2' }),
  row('Mem', { observed: '62.8 GiB', expected: 'at least 1700 MB' }),
  row('Port-6443', { observed: 'nothing listens', expected: 'free' }),
  row('Swap', {
    severity: 'warning',
    outcome: 'fail',
    observed: '2.0 GiB of swap is on (/dev/sda3)',
    expected: 'no swap',
    remedy: 'swapoff -a and remove the entry from /etc/fstab',
    source: 'kubeadm preflight: Swap',
  }),
  row('FileExisting-crictl', {
    outcome: 'fail',
    observed: 'crictl is not in PATH',
    expected: 'crictl can be run',
    remedy: 'Install cri-tools for your distribution: apt-get install cri-tools',
  }),
  row('DiskFsync', {
    group: 'disk',
    outcome: 'fail',
    observed: 'p99 41.2 ms over 1,000 writes of 8,000 bytes on /var/lib/etcd',
    expected: 'p99 at most 10 ms',
    source: 'etcd hardware guide',
    remedy: 'Put /var/lib/etcd on a disk of its own, best an NVMe drive with power-loss protection.',
    durationMs: 4120,
  }),
  row('ClockOffset', {
    group: 'time',
    outcome: 'unknown',
    observed: 'no answer from the hub within 5 s',
    expected: 'at most 5 s',
    remedy: 'Run the preflight again when the machine is connected.',
  }),
  row('KernelModules', { group: 'host', observed: 'overlay, br_netfilter, nf_conntrack loaded', expected: 'loaded or loadable' }),
  row('Leftovers-cni', { group: 'leftovers', outcome: 'skipped', observed: '', expected: 'no files in /etc/cni/net.d' }),
  ...['IsPrivilegedUser', 'Hostname', 'Port-10250', 'CRI', 'IPForward', 'SystemVerification', 'FirewallD'].map((id) => row(id)),
]
export const summary = { pass: 11, fail: 2, warn: 1, unknown: 1, skipped: 1 }

export function machine(
  name: string,
  overrides: { spec?: object; status?: object; labels?: Record<string, string>; createdMinutesAgo?: number } = {},
) {
  return {
    metadata: { name, labels: overrides.labels ?? { zone: 'dc1' }, creationTimestamp: minutesAgo(overrides.createdMinutesAgo ?? 3000) },
    spec: { clusterRef: 'edge-west', role: 'worker', ipv4: '10.20.0.11', approved: true, ...overrides.spec },
    status: {
      phase: 'Connected',
      agentId: 'abcdefghijklmnopqrstuvwxyz',
      agentVersion: '0.1.0',
      facts: facts({ hostname: `${name}.dc1.example` }),
      planes: [
        { name: 'nats', ok: true, roundTripMicroseconds: 840 },
        { name: 'grpc', ok: true, roundTripMicroseconds: 2310 },
      ],
      lastHeartbeatTime: minutesAgo(0.1),
      allowedActions: ['preflight', 'facts', 'file'],
      certificate: { serial: '4f9a02c3d1', notBefore: minutesAgo(2000), notAfter: minutesAgo(-8000) },
      machineFingerprint: 'c2a9f0e1',
      preflight: { task: `preflight-${name}`, summary: { pass: 60, fail: 0, warn: 2, unknown: 0, skipped: 3 }, finishedAt: minutesAgo(50) },
      conditions: [
        condition('Approved', 'True', 'Operator', 'Approved by admin'),
        condition('Connected', 'True', 'PlanesAnswer', 'nats and grpc answered within the last 10 s'),
        condition('PreflightPassed', 'True', 'NoErrors', '60 passed, 2 warnings'),
        condition('IdentityUnique', 'True', 'OneMachine', 'No other machine uses this identity'),
        condition('CertificateValid', 'True', 'Valid', 'Renewed by the agent'),
      ],
      ...overrides.status,
    },
  }
}

export function pendingMachine(name: string, joinToken = 'join-edge-west') {
  return {
    metadata: { name, creationTimestamp: minutesAgo(1) },
    spec: { clusterRef: 'edge-west', role: 'worker' },
    status: {
      phase: 'Pending',
      enrollment: {
        fingerprint,
        joinToken,
        requestedAt: minutesAgo(1),
        hostname: `${name}.dc1.example`,
        remoteAddress: '10.20.0.31',
        addresses: ['10.20.0.31'],
      },
      conditions: [condition('Approved', 'False', 'WaitingForOperator', 'An operator must compare the fingerprint and approve or deny', 1)],
    },
  }
}

export function task(name: string, machineName: string, action: string, state: string, status: object = {}, createdMinutes = 60) {
  const isOver = ['Succeeded', 'Failed', 'TimedOut', 'Canceled'].includes(state)
  return {
    metadata: { name, creationTimestamp: minutesAgo(createdMinutes) },
    spec: {
      machine: machineName,
      action,
      input: action === 'preflight' ? { role: 'worker', kubernetesVersion: '1.31' } : {},
      timeoutSeconds: 600,
      attempt: 1,
    },
    status: {
      state,
      attempt: 1,
      ...(state !== 'Pending' && { deliveredAt: minutesAgo(createdMinutes - 0.02) }),
      ...(state !== 'Pending' && state !== 'Delivered' && { startedAt: minutesAgo(createdMinutes - 0.05) }),
      ...(isOver && { finishedAt: minutesAgo(createdMinutes - 0.4) }),
      ...status,
    },
  }
}

export function smallFleet(api: FakeApi): void {
  smallClusters(api)
  for (let index = 1; index <= 4; index++)
    api.put('machines', machine(`node-0${index}`, { spec: { role: index === 1 ? 'controlPlane' : 'worker', ipv4: `10.20.0.1${index}` } }))
  api.put(
    'machines',
    machine('node-05', {
      spec: { ipv4: '10.20.0.15' },
      status: {
        phase: 'Disconnected',
        lastHeartbeatTime: minutesAgo(14),
        planes: [{ name: 'nats', ok: false, reason: 'no heartbeat for 14 minutes' }],
        conditions: [
          condition(
            'Connected',
            'False',
            'HeartbeatMissed',
            'No heartbeat since 14 minutes; the machine is off or cannot reach the hub on port 443',
            14,
          ),
        ],
      },
    }),
  )
  api.put(
    'machines',
    machine('node-06', {
      spec: { ipv4: '10.20.0.16' },
      labels: { zone: 'dc2', env: 'prod' },
      status: {
        preflight: { task: 'preflight-node-06', summary, finishedAt: minutesAgo(5) },
        certificate: { serial: '77aa', notBefore: minutesAgo(9000), notAfter: minutesAgo(-300) },
      },
    }),
  )
  api.put('machines', pendingMachine('node-07'))
  overSsh(api)
  for (let index = 1; index <= 4; index++)
    api.put(
      'tasks',
      task(
        `preflight-node-0${index}`,
        `node-0${index}`,
        'preflight',
        'Succeeded',
        {
          result: {
            rows: rows.filter(({ outcome }) => outcome === 'pass'),
            summary: { pass: 60, fail: 0, warn: 2, unknown: 0, skipped: 3 },
          },
        },
        50 + index,
      ),
    )
  api.put('tasks', task('preflight-node-06', 'node-06', 'preflight', 'Succeeded', { result: { rows, summary } }, 5))
  api.put('tasks', task('facts-node-02', 'node-02', 'facts', 'Running', { progress: { percent: 40, message: 'reading disks' } }, 0.3))
  api.put(
    'tasks',
    task(
      'exec-node-03',
      'node-03',
      'exec',
      'Failed',
      { reason: 'ActionNotAllowed', message: 'the machine’s policy file does not allow exec' },
      20,
    ),
  )
  api.put(
    'tasks',
    task(
      'facts-node-05',
      'node-05',
      'facts',
      'Pending',
      {
        conditions: [
          condition('Delivered', 'False', 'NotSent', 'it has not been sent yet', 14),
          condition('Finished', 'False', 'Pending', '', 14),
          condition(
            'Waiting',
            'True',
            'AgentDisconnected',
            'waits for the agent of machine node-05 to come back (NoHeartbeat); since 14 minutes; until 18:40, then it is recorded as TimedOut',
            14,
          ),
        ],
      },
      12,
    ),
  )
  api.log(
    'preflight-node-06',
    ...rows.map((one, index) => ({
      sequence: index + 1,
      at: minutesAgo(5),
      stream: one.outcome === 'fail' ? 'stderr' : 'stdout',
      text: `${one.outcome.padEnd(8)}${one.id}\n`,
    })),
  )
}
