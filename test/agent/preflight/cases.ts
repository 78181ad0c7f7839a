// For each check machines on which it passes, fails and cannot know. Values are real ones, at the threshold on either side.
import { gzipSync } from 'node:zlib'
import type { PreflightInput } from '#shared/contract/actions.ts'
import type { PreflightRow } from '#shared/contract/preflight.ts'
import { ethernet, type FakeFile, type FakeMachine } from './fake-host.ts'

export interface Case {
  id: string
  outcome: PreflightRow['outcome']
  machine?: FakeMachine
  input?: PreflightInput
  severity?: PreflightRow['severity']
  observed?: RegExp
  remedy?: RegExp
}

const files = (all: Record<string, FakeFile>, rest: FakeMachine = {}): FakeMachine => ({ ...rest, files: all })
const file = (path: string, content: FakeFile, rest: FakeMachine = {}): FakeMachine => files({ [path]: content }, rest)
const hostname = (name: string) => ({ '/proc/sys/kernel/hostname': `${name}\n` })
const named = (name: string, addresses: string[], own = ['192.0.2.5']): FakeMachine =>
  files(hostname(name), { probes: { lookup: async () => addresses, addresses: () => own.map((address) => ethernet(address, 24)) } })
const own = (...addresses: string[]): FakeMachine => ({ probes: { addresses: () => addresses.map((address) => ethernet(address, 24)) } })

const tcpHead = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const listening = (port: number, state = '0A') =>
  `${tcpHead}   0: 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n`
const routes = (...rows: string[]) =>
  `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n${rows.join('\n')}\n`
const defaultVia = 'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0'
const net10 = 'eth1\t0000030A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0' // 10.3.0.0/16
const mounts = (...rows: string[]) => rows.join('\n')
const ext4Root = '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw'
const cgroup1 = '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu'
const cgroup2 = '31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw'
const v2Files = {
  '/proc/self/mountinfo': mounts(ext4Root, cgroup2),
  '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
  '/sys/fs/cgroup/init.scope/cgroup.freeze': '0\n',
}
const v1Controllers = `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${['cpuset', 'cpu', 'cpuacct', 'memory', 'devices', 'freezer', 'pids'].map((name) => `${name}\t1\t1\t1`).join('\n')}\n`
export const fullConfig =
  'NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CPUSETS MEMCG INET EXT4_FS PROC_FS NETFILTER_XT_TARGET_REDIRECT NETFILTER_XT_MATCH_COMMENT FAIR_GROUP_SCHED CGROUPS CGROUP_PIDS CGROUP_SCHED CGROUP_CPUACCT CGROUP_DEVICE CGROUP_FREEZER CGROUP_BPF'
    .split(' ')
    .map((name, index) => `CONFIG_${name}=${index % 3 ? 'y' : 'm'}`)
    .join('\n')
const release = { '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n' }
const cpus = (count: number) => Array.from({ length: count }, (_, index) => `processor\t: ${index}\nmodel name\t: Test\n`).join('\n')
const space = (availableGb: number, usedShare = 0.1, inodesFree = 0.5): FakeMachine => ({
  filesystem: () => ({
    totalBytes: Math.round((availableGb * 1e9) / (1 - usedShare)),
    freeBytes: Math.round(availableGb * 1e9),
    availableBytes: Math.round(availableGb * 1e9),
    inodes: 1_000_000,
    inodesFree: inodesFree * 1_000_000,
  }),
})
const systemd = { '/run/systemd/system': { directory: true } as const }
const proxy = (noProxy: string): FakeMachine['environment'] => ({ HTTPS_PROXY: 'http://user:pa55@proxy:3128', NO_PROXY: noProxy })
const chrony = (offset: string, leap = 'Normal') => ({
  stdout: `A29FC87B,time.example,3,1700000000.5,${offset},0.0001,0.0002,1.2,0.01,0.05,0.010,0.002,64.2,${leap}\n`,
})
const resolver = (...servers: string[]) => ({ '/etc/resolv.conf': `${servers.map((server) => `nameserver ${server}`).join('\n')}\n` })
const answers = (codes: Record<string, string>): FakeMachine['probes'] => ({
  askResolver: async (server) => ({ isAnswered: codes[server] !== 'ETIMEOUT', code: codes[server] ?? 'NOERROR' }),
})
const cluster: PreflightInput = { clusterCIDRs: ['10.3.0.0/16'], serviceCIDRs: ['10.4.0.0/16'] }
const nic = (name: string, mtu: number, extra: Record<string, FakeFile> = {}) => ({
  [`/sys/class/net/${name}/mtu`]: `${mtu}\n`,
  [`/sys/class/net/${name}/flags`]: '0x1003\n',
  [`/sys/class/net/${name}/address`]: '02:00:00:00:00:01\n',
  [`/sys/class/net/${name}/device`]: { link: '../../devices/x' } as const,
  ...extra,
})
const sysctlFile = (key: string, value: string) => file(`/proc/sys/${key.replaceAll('.', '/')}`, `${value}\n`)
const latencies = (milliseconds: number[], rest: Record<string, FakeFile> = {}): FakeMachine =>
  files(
    { '/var/lib/dpkg/status': '', '/proc/self/mountinfo': ext4Root, ...rest },
    { probes: { fsync: async () => ({ latenciesMs: milliseconds, isIdlePriority: false }) } },
  )
const many = (value: number, count: number) => Array.from({ length: count }, () => value)

const kubeadm: Case[] = [
  { id: 'IsPrivilegedUser', outcome: 'pass' },
  { id: 'IsPrivilegedUser', outcome: 'fail', machine: { uid: 1000 }, observed: /1000/ },
  { id: 'NumCPU', outcome: 'pass', machine: file('/proc/cpuinfo', cpus(2)) },
  { id: 'NumCPU', outcome: 'fail', machine: file('/proc/cpuinfo', cpus(1)) },
  { id: 'NumCPU', outcome: 'unknown' },
  // 1700 MiB are 1740800 KiB; the same number of MB would be 1660156 KiB.
  { id: 'Mem', outcome: 'pass', machine: file('/proc/meminfo', 'MemTotal:        1740800 kB\n'), observed: /^1700 MiB$/ },
  { id: 'Mem', outcome: 'fail', machine: file('/proc/meminfo', 'MemTotal:        1740799 kB\n'), observed: /^1699 MiB$/ },
  { id: 'Mem', outcome: 'fail', machine: file('/proc/meminfo', 'MemTotal:        1024000 kB\n'), observed: /^1000 MiB$/ },
  { id: 'Mem', outcome: 'unknown' },
  { id: 'KubernetesVersion', outcome: 'pass', input: { kubernetesVersion: '1.36' } },
  { id: 'KubernetesVersion', outcome: 'fail', input: { kubernetesVersion: '1.37' } },
  {
    id: 'KubernetesVersion',
    outcome: 'fail',
    input: { kubernetesVersion: '1.32' },
    machine: { programs: { kubeadm: { stdout: 'v1.31.4\n' } } },
  },
  { id: 'Firewalld', outcome: 'pass' },
  { id: 'Firewalld', outcome: 'pass', machine: { programs: { firewalld: {}, systemctl: { exitCode: 3, stdout: 'inactive\n' } } } },
  { id: 'Firewalld', outcome: 'fail', machine: { programs: { firewalld: {}, systemctl: { stdout: 'active\n' } } }, severity: 'warning' },
  { id: 'Firewalld', outcome: 'unknown', machine: { programs: { firewalld: {} } } },
  ...[6443, 10259, 10257, 10250, 2379, 2380].flatMap((port): Case[] => [
    { id: `Port-${port}`, outcome: 'pass', machine: file('/proc/net/tcp', listening(port + 1)) },
    // An established connection from that port is no listener.
    { id: `Port-${port}`, outcome: 'pass', machine: file('/proc/net/tcp', listening(port, '01')) },
    {
      id: `Port-${port}`,
      outcome: 'fail',
      machine: files({
        '/proc/net/tcp': tcpHead,
        '/proc/net/tcp6': listening(port),
        '/proc/77/fd/5': { link: 'socket:[4242]' },
        '/proc/77/comm': 'nginx\n',
      }),
      observed: /nginx \(pid 77\)/,
    },
    { id: `Port-${port}`, outcome: 'unknown' },
  ]),
  ...[
    '/etc/kubernetes/manifests/kube-apiserver.yaml',
    '/etc/kubernetes/manifests/kube-controller-manager.yaml',
    '/etc/kubernetes/manifests/kube-scheduler.yaml',
    '/etc/kubernetes/manifests/etcd.yaml',
    '/etc/kubernetes/kubelet.conf',
    '/etc/kubernetes/bootstrap-kubelet.conf',
    '/etc/kubernetes/pki/ca.crt',
  ].flatMap((path): Case[] => [
    { id: `FileAvailable-${path.replaceAll('/', '-')}`, outcome: 'pass' },
    { id: `FileAvailable-${path.replaceAll('/', '-')}`, outcome: 'fail', machine: file(path, 'x') },
  ]),
  { id: 'DirAvailable--var-lib-etcd', outcome: 'pass' },
  { id: 'DirAvailable--var-lib-etcd', outcome: 'pass', machine: file('/var/lib/etcd/lost+found', { directory: true }) },
  { id: 'DirAvailable--var-lib-etcd', outcome: 'fail', machine: file('/var/lib/etcd/member/wal', 'x') },
  { id: 'HTTPProxy', outcome: 'pass', machine: own('192.0.2.5') },
  { id: 'HTTPProxy', outcome: 'pass', machine: { ...own('192.0.2.5'), environment: proxy('192.0.2.0/24') } },
  {
    id: 'HTTPProxy',
    outcome: 'fail',
    machine: { ...own('192.0.2.5'), environment: proxy('localhost') },
    observed: /through http:\/\/\*\*\*@proxy:3128/,
  },
  { id: 'HTTPProxyCIDR', outcome: 'skipped', machine: { environment: proxy('') } },
  { id: 'HTTPProxyCIDR', outcome: 'pass', machine: { environment: proxy('10.0.0.0/8') }, input: cluster },
  { id: 'HTTPProxyCIDR', outcome: 'fail', machine: { environment: proxy('10.4.0.0/16') }, input: cluster, observed: /10\.3\.0\.0\/16/ },
  { id: 'CRI', outcome: 'fail', severity: 'error' },
  {
    id: 'CRI',
    outcome: 'pass',
    machine: file(
      '/run/containerd/containerd.sock',
      { socket: true },
      { programs: { crictl: { stdout: '{"status":{"conditions":[{"type":"RuntimeReady","status":true}]}}' } } },
    ),
  },
  {
    id: 'CRI',
    outcome: 'fail',
    machine: file(
      '/run/containerd/containerd.sock',
      { socket: true },
      { programs: { crictl: { exitCode: 1, stderr: 'unknown service runtime.v1.RuntimeService' } } },
    ),
    observed: /unknown service/,
  },
  { id: 'CRI', outcome: 'unknown', machine: file('/run/containerd/containerd.sock', { socket: true }) },
  { id: 'Swap', outcome: 'pass', machine: file('/proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n') },
  {
    id: 'Swap',
    outcome: 'fail',
    machine: file('/proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 2097148 0 -2\n'),
    observed: /\/dev\/sda2 \(2048 MiB\)/,
  },
  { id: 'Swap', outcome: 'unknown' },
  ...['conntrack', 'cp', 'crictl', 'ebtables', 'ethtool', 'ip', 'iptables', 'losetup', 'mount', 'nsenter', 'socat', 'tc', 'touch'].flatMap(
    (program): Case[] => [
      { id: `FileExisting-${program}`, outcome: 'pass', machine: { programs: { [program]: {} } } },
      { id: `FileExisting-${program}`, outcome: 'fail', remedy: /Install the package/ },
    ],
  ),
  {
    id: 'SystemVerification',
    outcome: 'pass',
    machine: files({ ...v2Files, ...release, '/boot/config-6.1.0-18-amd64': fullConfig }),
    observed: /cgroup v2.*\/boot\/config/,
  },
  {
    id: 'SystemVerification',
    outcome: 'pass',
    machine: files({
      '/proc/self/mountinfo': mounts(ext4Root, cgroup1),
      '/proc/cgroups': v1Controllers,
      '/proc/config.gz': gzipSync(fullConfig),
    }),
    observed: /cgroup v1/,
  },
  {
    id: 'SystemVerification',
    outcome: 'fail',
    machine: files({ ...v2Files, '/proc/config.gz': gzipSync(fullConfig.replace('CONFIG_MEMCG=', '# CONFIG_MEMCG=')) }),
    observed: /CONFIG_MEMCG/,
  },
  {
    id: 'SystemVerification',
    outcome: 'fail',
    machine: files({ ...v2Files, '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io pids\n', '/proc/config.gz': gzipSync(fullConfig) }),
    observed: /controllers missing: memory$/,
  },
  { id: 'SystemVerification', outcome: 'unknown', machine: files({ ...v2Files, ...release }) },
  { id: 'SystemVerification', outcome: 'unknown' },
  ...['5.4.0-200-generic', '5.10.0', '5.15.167', '6.1.0-18-amd64', '6.18.44', '7.0.1'].map(
    (kernel): Case => ({ id: 'SystemVerification/kernel', outcome: 'pass', machine: file('/proc/sys/kernel/osrelease', kernel) }),
  ),
  ...['3.10.0-1160.el7', '4.18.0-553.el8', '5.5.0', '5.100.1', '5.14.0-503.el9'].map(
    (kernel): Case => ({
      id: 'SystemVerification/kernel',
      outcome: 'fail',
      severity: 'warning',
      machine: file('/proc/sys/kernel/osrelease', kernel),
    }),
  ),
  { id: 'SystemVerification/kernel', outcome: 'unknown' },
  { id: 'SystemVerification/cgroup-v1', outcome: 'pass', machine: files(v2Files) },
  {
    id: 'SystemVerification/cgroup-v1',
    outcome: 'fail',
    severity: 'warning',
    machine: files({ '/proc/self/mountinfo': mounts(cgroup1, cgroup2), '/proc/cgroups': v1Controllers }),
    input: { kubernetesVersion: '1.34' },
  },
  {
    id: 'SystemVerification/cgroup-v1',
    outcome: 'fail',
    severity: 'error',
    machine: files({ '/proc/self/mountinfo': cgroup1, '/proc/cgroups': v1Controllers }),
    input: { kubernetesVersion: '1.35' },
  },
  { id: 'SystemVerification/cgroup-v1', outcome: 'unknown' },
  { id: 'Hostname', outcome: 'pass', machine: named('node-1', ['192.0.2.5']) },
  { id: 'Hostname', outcome: 'fail', machine: named('node_1-', ['192.0.2.5']) },
  { id: 'Hostname', outcome: 'fail', machine: named('node-1', []), observed: /does not resolve/ },
  { id: 'Hostname', outcome: 'unknown' },
  { id: 'KubeletVersion', outcome: 'fail', observed: /not installed/ },
  ...(['1.31.9', '1.28.0'] as const).map(
    (version): Case => ({
      id: 'KubeletVersion',
      outcome: 'pass',
      machine: { programs: { kubelet: { stdout: `Kubernetes v${version}\n` } } },
    }),
  ),
  ...(['1.32.0', '1.27.16'] as const).map(
    (version): Case => ({
      id: 'KubeletVersion',
      outcome: 'fail',
      machine: { programs: { kubelet: { stdout: `Kubernetes v${version}\n` } } },
    }),
  ),
  {
    id: 'KubeletVersion',
    outcome: 'fail',
    input: { kubernetesVersion: '1.28' },
    machine: { programs: { kubelet: { stdout: 'Kubernetes v1.26.1\n' } } },
  },
  { id: 'KubeletVersion', outcome: 'unknown', machine: { programs: { kubelet: { exitCode: 1 } } } },
  { id: 'Service-Kubelet', outcome: 'pass', machine: files(systemd, { programs: { systemctl: { stdout: 'enabled\n' } } }) },
  {
    id: 'Service-Kubelet',
    outcome: 'fail',
    machine: files(systemd, { programs: { systemctl: { exitCode: 1, stdout: 'disabled\n' } } }),
    severity: 'warning',
  },
  {
    id: 'Service-Kubelet',
    outcome: 'fail',
    machine: files(systemd, {
      programs: { systemctl: { exitCode: 1, stderr: 'Failed to get unit file state for kubelet.service: No such file or directory' } },
    }),
  },
  { id: 'Service-Kubelet', outcome: 'unknown' },
  { id: 'FileContent--proc-sys-net-ipv4-ip_forward', outcome: 'pass', machine: sysctlFile('net.ipv4.ip_forward', '1') },
  { id: 'FileContent--proc-sys-net-ipv4-ip_forward', outcome: 'fail', machine: sysctlFile('net.ipv4.ip_forward', '0') },
  { id: 'FileContent--proc-sys-net-ipv4-ip_forward', outcome: 'skipped', input: { clusterCIDRs: ['fd00::/64'] } },
  { id: 'FileContent--proc-sys-net-ipv6-conf-default-forwarding', outcome: 'skipped' },
  {
    id: 'FileContent--proc-sys-net-ipv6-conf-default-forwarding',
    outcome: 'pass',
    machine: sysctlFile('net.ipv6.conf.default.forwarding', '1'),
    input: { clusterCIDRs: ['fd00::/64'] },
  },
  {
    id: 'FileContent--proc-sys-net-ipv6-conf-default-forwarding',
    outcome: 'fail',
    machine: sysctlFile('net.ipv6.conf.default.forwarding', '0'),
    input: { advertiseAddress: 'fd00::5' },
  },
  {
    id: 'FileContent--proc-sys-net-bridge-bridge-nf-call-iptables',
    outcome: 'pass',
    machine: sysctlFile('net.bridge.bridge-nf-call-iptables', '1'),
  },
  {
    id: 'FileContent--proc-sys-net-bridge-bridge-nf-call-iptables',
    outcome: 'fail',
    observed: /does not exist/,
    remedy: /modprobe br_netfilter/,
  },
  {
    id: 'FileContent--proc-sys-net-bridge-bridge-nf-call-ip6tables',
    outcome: 'pass',
    machine: sysctlFile('net.bridge.bridge-nf-call-ip6tables', '1'),
    input: { clusterCIDRs: ['fd00::/64'] },
  },
  { id: 'FileContent--proc-sys-net-bridge-bridge-nf-call-ip6tables', outcome: 'fail', input: { clusterCIDRs: ['fd00::/64'] } },
  { id: 'ExternalEtcdVersion', outcome: 'skipped' },
  {
    id: 'ExternalEtcdVersion',
    outcome: 'pass',
    input: { externalEtcd: { endpoints: ['https://etcd:2379'] } },
    machine: { programs: { curl: { stdout: '{"etcdserver":"3.5.11","etcdcluster":"3.5.0"}' } } },
  },
  {
    id: 'ExternalEtcdVersion',
    outcome: 'fail',
    input: { externalEtcd: { endpoints: ['https://etcd:2379'] } },
    machine: { programs: { curl: { stdout: '{"etcdserver":"3.5.9","etcdcluster":"3.5.0"}' } } },
  },
  { id: 'ExternalEtcdVersion', outcome: 'unknown', input: { externalEtcd: { endpoints: ['https://etcd:2379'] } } },
  { id: 'ExternalEtcdClientCertificates', outcome: 'skipped' },
  {
    id: 'ExternalEtcdClientCertificates',
    outcome: 'pass',
    input: { externalEtcd: { endpoints: ['https://etcd:2379'], keyFile: '/k' } },
    machine: file('/k', 'secret'),
  },
  { id: 'ExternalEtcdClientCertificates', outcome: 'fail', input: { externalEtcd: { endpoints: ['https://etcd:2379'], keyFile: '/k' } } },
  { id: 'ImagePull', outcome: 'skipped', observed: /stores images/ },
  {
    id: 'ImagePull',
    outcome: 'pass',
    input: { pullImages: true },
    machine: { programs: { kubeadm: { stdout: 'registry.k8s.io/pause:3.10\n' }, crictl: {} } },
  },
  {
    id: 'ImagePull',
    outcome: 'fail',
    input: { pullImages: true },
    machine: { programs: { kubeadm: { stdout: 'registry.k8s.io/pause:3.10\n' }, crictl: { exitCode: 1, stderr: 'no route to host' } } },
    observed: /pause.*no route/,
  },
  { id: 'ImagePull', outcome: 'unknown', input: { pullImages: true } },
]

const identityTimeDns: Case[] = [
  { id: 'NodeName', outcome: 'pass', machine: files(hostname('a'.repeat(36))) },
  { id: 'NodeName', outcome: 'fail', machine: files(hostname('a'.repeat(37))), observed: /37 characters/ },
  ...['Node-1', 'node_1', '-node', 'localhost', 'localhost.localdomain', 'a..b'].map(
    (name): Case => ({ id: 'NodeName', outcome: 'fail', machine: files(hostname(name)) }),
  ),
  { id: 'NodeName', outcome: 'unknown' },
  { id: 'HostnameResolves', outcome: 'pass', machine: named('node-1', ['192.0.2.5']) },
  { id: 'HostnameResolves', outcome: 'fail', machine: named('node-1', ['127.0.1.1']) },
  { id: 'HostnameResolves', outcome: 'fail', machine: named('node-1', ['192.0.2.99']), observed: /not this machine/ },
  { id: 'HostnameResolves', outcome: 'fail', machine: named('node-1', []) },
  { id: 'HostnameResolves', outcome: 'unknown' },
  { id: 'MachineId', outcome: 'pass', machine: file('/etc/machine-id', `${'0123456789abcdef'.repeat(2)}\n`) },
  { id: 'MachineId', outcome: 'fail', machine: file('/etc/machine-id', '') },
  { id: 'MachineId', outcome: 'fail', machine: file('/etc/machine-id', 'uninitialized\n') },
  { id: 'MachineId', outcome: 'fail' },
  { id: 'ProductUuid', outcome: 'skipped' },
  { id: 'ProductUuid', outcome: 'pass', machine: file('/sys/class/dmi/id/product_uuid', '4c4c4544-0042-3510-8051-b4c04f4a3132\n') },
  { id: 'ProductUuid', outcome: 'fail', machine: file('/sys/class/dmi/id/product_uuid', '03000200-0400-0500-0006-000700080009\n') },
  { id: 'MacAddresses', outcome: 'pass', machine: files(nic('eth0', 1500)) },
  { id: 'MacAddresses', outcome: 'fail', machine: files({ ...nic('eth0', 1500), ...nic('eth1', 1500) }), observed: /twice/ },
  {
    id: 'MacAddresses',
    outcome: 'pass',
    machine: files({
      ...nic('eth0', 1500, { '/sys/class/net/eth0/master': { link: '../bond0' } }),
      ...nic('eth1', 1500, { '/sys/class/net/eth1/master': { link: '../bond0' } }),
    }),
  },
  {
    id: 'MacAddresses',
    outcome: 'fail',
    machine: files({ '/sys/class/net/lo/mtu': '65536\n', '/sys/class/net/lo/address': '00:00:00:00:00:00\n' }),
  },
  { id: 'MacAddresses', outcome: 'unknown' },
  { id: 'NodeAddress', outcome: 'pass', machine: own('192.0.2.5') },
  { id: 'NodeAddress', outcome: 'fail', machine: own('127.0.0.1', 'fe80::1', '169.254.1.1') },
  { id: 'NodeAddress', outcome: 'pass', machine: own('fd00::5'), input: { advertiseAddress: 'fd00:0::5' } },
  ...['127.0.0.1', '169.254.9.9', '224.0.0.1', '0.0.0.0', 'fe80::2'].map(
    (address): Case => ({ id: 'NodeAddress', outcome: 'fail', machine: own(address, '192.0.2.5'), input: { advertiseAddress: address } }),
  ),
  { id: 'NodeAddress', outcome: 'fail', machine: own('192.0.2.5'), input: { advertiseAddress: '192.0.2.6' }, observed: /on no interface/ },
  { id: 'DefaultRoute', outcome: 'pass', machine: file('/proc/net/route', routes(defaultVia)), observed: /via 192\.0\.2\.1 on eth0/ },
  { id: 'DefaultRoute', outcome: 'fail', machine: file('/proc/net/route', routes(net10)) },
  { id: 'DefaultRoute', outcome: 'unknown' },
  { id: 'TimeSynchronised', outcome: 'pass', machine: { programs: { chronyc: chrony('0.000012') } } },
  { id: 'TimeSynchronised', outcome: 'fail', machine: { programs: { chronyc: chrony('0.0', 'Not synchronised') } } },
  {
    id: 'TimeSynchronised',
    outcome: 'pass',
    machine: files(systemd, { programs: { timedatectl: (args) => (args[0] === 'show' ? { stdout: 'yes\n' } : { exitCode: 1 }) } }),
  },
  {
    id: 'TimeSynchronised',
    outcome: 'fail',
    machine: files(systemd, { programs: { timedatectl: (args) => (args[0] === 'show' ? { stdout: 'no\n' } : { exitCode: 1 }) } }),
  },
  { id: 'TimeSynchronised', outcome: 'pass', machine: file('/run/systemd/timesync/synchronized', '') },
  { id: 'TimeSynchronised', outcome: 'fail', machine: { programs: { adjtimex: { stdout: '         mode: 0\n       status: 64\n' } } } },
  { id: 'TimeSynchronised', outcome: 'unknown' },
  { id: 'TimeOffset', outcome: 'pass', machine: { programs: { chronyc: chrony('4.9') } }, observed: /^4900\.000 ms ± 7\.000 ms/ },
  { id: 'TimeOffset', outcome: 'fail', severity: 'warning', machine: { programs: { chronyc: chrony('-5.1') } } },
  { id: 'TimeOffset', outcome: 'fail', severity: 'error', machine: { programs: { chronyc: chrony('30.5') } } },
  {
    id: 'TimeOffset',
    outcome: 'pass',
    machine: files(systemd, {
      programs: {
        timedatectl: (args) => ({
          stdout: args[0] === 'show' ? 'yes\n' : '       Server: x\n       Offset: -1.234ms\nRoot distance: 500us (max: 5s)\n',
        }),
      },
    }),
    observed: /^-1\.234 ms ± 0\.500 ms/,
  },
  { id: 'TimeOffset', outcome: 'unknown', machine: file('/run/systemd/timesync/synchronized', '') },
  { id: 'ResolvConf', outcome: 'pass', machine: files(resolver('192.0.2.53')) },
  {
    id: 'ResolvConf',
    outcome: 'pass',
    machine: files({ ...resolver('127.0.0.53'), '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.53\n' }),
    observed: /^192\.0\.2\.53$/,
  },
  { id: 'ResolvConf', outcome: 'fail' },
  { id: 'ResolvConf', outcome: 'fail', machine: file('/etc/resolv.conf', '# none\n') },
  { id: 'ResolvConf', outcome: 'fail', machine: files(resolver('dns.example')) },
  { id: 'ResolvConf', outcome: 'fail', severity: 'warning', machine: files(resolver('192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4')) },
  { id: 'ResolverLoop', outcome: 'pass', machine: files(resolver('192.0.2.53')) },
  { id: 'ResolverLoop', outcome: 'fail', machine: files(resolver('127.0.0.53')) },
  { id: 'ResolverLoop', outcome: 'unknown' },
  { id: 'ResolversAnswer', outcome: 'pass', machine: files(resolver('192.0.2.1'), { probes: answers({ '192.0.2.1': 'ENOTFOUND' }) }) },
  {
    id: 'ResolversAnswer',
    outcome: 'fail',
    severity: 'error',
    machine: files(resolver('192.0.2.1'), { probes: answers({ '192.0.2.1': 'ETIMEOUT' }) }),
  },
  {
    id: 'ResolversAnswer',
    outcome: 'fail',
    severity: 'warning',
    machine: files(resolver('192.0.2.1', '192.0.2.2'), { probes: answers({ '192.0.2.2': 'ETIMEOUT' }) }),
  },
  { id: 'ResolversAnswer', outcome: 'unknown' },
  { id: 'ResolverOutsideCluster', outcome: 'skipped' },
  { id: 'ResolverOutsideCluster', outcome: 'pass', input: cluster, machine: files(resolver('10.5.0.1')) },
  {
    id: 'ResolverOutsideCluster',
    outcome: 'fail',
    input: cluster,
    machine: files(resolver('10.4.255.255')),
    observed: /10\.4\.255\.255 in 10\.4\.0\.0\/16/,
  },
  { id: 'ResolverOutsideCluster', outcome: 'unknown', input: cluster },
  {
    id: 'SearchList',
    outcome: 'pass',
    machine: file('/etc/resolv.conf', `search ${Array.from({ length: 29 }, (_, index) => `d${index}`).join(' ')}\n`),
  },
  {
    id: 'SearchList',
    outcome: 'fail',
    machine: file('/etc/resolv.conf', `search ${Array.from({ length: 30 }, (_, index) => `d${index}`).join(' ')}\n`),
  },
  { id: 'SearchList', outcome: 'fail', machine: file('/etc/resolv.conf', `search ${'x'.repeat(1857)}\n`) },
  { id: 'SearchList', outcome: 'fail', machine: file('/etc/resolv.conf', 'search .\n') },
  { id: 'SearchList', outcome: 'unknown' },
  { id: 'LocalhostResolves', outcome: 'pass', machine: named('x', ['::1', '127.0.0.1']) },
  { id: 'LocalhostResolves', outcome: 'fail', machine: named('x', ['::1']) },
]

const networkDisk: Case[] = [
  { id: 'CIDRPairs', outcome: 'skipped' },
  { id: 'CIDRPairs', outcome: 'pass', input: { ...cluster, joinCIDRs: ['100.64.0.0/16'] } },
  { id: 'CIDRPairs', outcome: 'fail', input: { clusterCIDRs: ['10.0.0.0/8'], serviceCIDRs: ['10.4.0.0/16'] } },
  { id: 'CIDRPairs', outcome: 'fail', input: { clusterCIDRs: ['fd00::/64'], serviceCIDRs: ['fd01::/107'] } },
  { id: 'CIDRRoutes', outcome: 'skipped' },
  { id: 'CIDRRoutes', outcome: 'pass', input: cluster, machine: file('/proc/net/route', routes(defaultVia)) },
  {
    id: 'CIDRRoutes',
    outcome: 'fail',
    input: cluster,
    machine: file('/proc/net/route', routes(defaultVia, net10)),
    observed: /route 10\.3\.0\.0\/16 on eth1/,
  },
  { id: 'CIDRRoutes', outcome: 'unknown', input: cluster },
  { id: 'CIDRInterfaces', outcome: 'skipped' },
  { id: 'CIDRInterfaces', outcome: 'pass', input: cluster, machine: own('10.5.0.1') },
  { id: 'CIDRInterfaces', outcome: 'fail', input: cluster, machine: own('10.4.3.2'), observed: /10\.4\.3\.2\/24 on eth0/ },
  { id: 'Registry', outcome: 'skipped' },
  {
    id: 'Registry',
    outcome: 'pass',
    input: { registry: 'r.example:5000' },
    machine: { probes: { tls: async () => ({ stage: 'done', isTrusted: true, status: 401, validTo: 'x' }) } },
  },
  {
    id: 'Registry',
    outcome: 'fail',
    input: { registry: 'r.example' },
    machine: { probes: { tls: async () => ({ stage: 'done', isTrusted: false, trustError: 'CERT_HAS_EXPIRED', status: 200 }) } },
    observed: /CERT_HAS_EXPIRED/,
  },
  {
    id: 'Registry',
    outcome: 'fail',
    input: { registry: 'r.example' },
    machine: { probes: { tls: async () => ({ stage: 'connect', error: 'ECONNREFUSED' }) } },
  },
  {
    id: 'Registry',
    outcome: 'fail',
    input: { registry: 'r.example' },
    machine: { probes: { tls: async () => ({ stage: 'done', isTrusted: true, status: 404 }) } },
  },
  {
    id: 'PathMTU',
    outcome: 'pass',
    input: { plugin: 'kube-ovn' },
    machine: files({ ...nic('eth0', 1380), '/proc/net/route': routes(defaultVia) }),
    observed: /pods get 1280/,
  },
  {
    id: 'PathMTU',
    outcome: 'fail',
    input: { plugin: 'kube-ovn' },
    machine: files({ ...nic('eth0', 1379), '/proc/net/route': routes(defaultVia) }),
  },
  {
    id: 'PathMTU',
    outcome: 'pass',
    input: { plugin: 'flannel' },
    machine: files({ ...nic('eth0', 1330), '/proc/net/route': routes(defaultVia) }),
  },
  {
    id: 'PathMTU',
    outcome: 'fail',
    severity: 'warning',
    machine: files({ ...nic('eth0', 9000), ...nic('eth1', 1500), '/proc/net/route': routes(defaultVia) }),
  },
  { id: 'PathMTU', outcome: 'unknown' },
  { id: 'NoProxy', outcome: 'pass' },
  {
    id: 'NoProxy',
    outcome: 'fail',
    input: cluster,
    machine: { ...own('192.0.2.5'), environment: proxy('192.0.2.5') },
    remedy: /NO_PROXY=localhost,127\.0\.0\.1,::1,192\.0\.2\.5,10\.3\.0\.0\/16,10\.4\.0\.0\/16,\.svc,\.cluster\.local/,
  },
  {
    id: 'NoProxy',
    outcome: 'pass',
    input: cluster,
    machine: { ...own('192.0.2.5'), environment: proxy('192.0.2.5,10.0.0.0/8,.svc,.cluster.local') },
  },
  {
    id: 'EtcdFsync',
    outcome: 'pass',
    machine: latencies([...many(0.5, 495), ...many(50, 5)]),
    observed: /p50 0\.50 ms, p90 0\.50 ms, p99 0\.50 ms over 500/,
  },
  { id: 'EtcdFsync', outcome: 'fail', machine: latencies([...many(0.5, 494), ...many(10.01, 6)]), observed: /p99 10\.01 ms/ },
  { id: 'EtcdFsync', outcome: 'pass', machine: latencies(many(10, 500)) },
  { id: 'EtcdFsync', outcome: 'fail', machine: latencies(many(80, 50)) },
  { id: 'EtcdFsync', outcome: 'unknown', machine: latencies(many(1, 99)) },
  { id: 'EtcdFsync', outcome: 'fail', machine: latencies([], { '/proc/self/mountinfo': '1 0 0:5 / / rw - tmpfs tmpfs rw' }) },
  { id: 'EtcdFsync', outcome: 'skipped', machine: file('/proc/net/tcp', listening(2380)), observed: /refused/ },
  { id: 'EtcdFsync', outcome: 'skipped', machine: file('/var/lib/etcd/member/wal/0.wal', 'x') },
  {
    id: 'EtcdFsync',
    outcome: 'unknown',
    machine: {
      probes: {
        fsync: async () => {
          throw new Error('EROFS')
        },
      },
    },
  },
  ...(
    [
      ['etcd', 10, 20],
      ['runtime', 100, 150],
      ['kubelet', 50, 100],
      ['root', 50, 100],
    ] as const
  ).flatMap(([name, least, wanted]): Case[] => [
    { id: `DiskSpace-${name}`, outcome: 'pass', machine: space(wanted) },
    { id: `DiskSpace-${name}`, outcome: 'fail', severity: 'warning', machine: space(wanted - 0.001) },
    { id: `DiskSpace-${name}`, outcome: 'fail', severity: 'warning', machine: space(least) },
    { id: `DiskSpace-${name}`, outcome: 'fail', severity: 'error', machine: space(least - 0.001) },
  ]),
  { id: 'DiskUsage', outcome: 'pass', machine: space(50, 0.79) },
  { id: 'DiskUsage', outcome: 'fail', machine: space(50, 0.81) },
  { id: 'Inodes', outcome: 'pass', machine: space(50, 0.1, 0.1) },
  { id: 'Inodes', outcome: 'fail', machine: space(50, 0.1, 0.099) },
  { id: 'TmpNoexec', outcome: 'pass', machine: file('/proc/self/mountinfo', ext4Root) },
  {
    id: 'TmpNoexec',
    outcome: 'fail',
    machine: file('/proc/self/mountinfo', mounts(ext4Root, '40 27 0:50 / /tmp rw,nosuid,noexec - tmpfs tmpfs rw')),
  },
  { id: 'TmpNoexec', outcome: 'unknown' },
]

const moduleCases = (name: string, option: string, plugin?: PreflightInput['plugin']): Case[] => [
  {
    id: `KernelModule-${name}`,
    outcome: 'pass',
    input: { plugin },
    machine: file('/proc/modules', `x_${name} 1 0\n${name} 163840 1 - Live 0x0\n`),
  },
  {
    id: `KernelModule-${name}`,
    outcome: 'pass',
    input: { plugin },
    machine: file('/proc/config.gz', gzipSync(`CONFIG_${option}=y\n`)),
    observed: /built in/,
  },
  {
    id: `KernelModule-${name}`,
    outcome: 'pass',
    input: { plugin },
    machine: files({
      ...release,
      '/lib/modules/6.1.0-18-amd64/modules.dep': `kernel/net/${name.replaceAll('_', '-')}.ko.xz: kernel/other.ko\n`,
    }),
    observed: /it can be/,
  },
  {
    id: `KernelModule-${name}`,
    outcome: 'fail',
    input: { plugin },
    machine: files({ ...release, '/lib/modules/6.1.0-18-amd64/modules.dep': `kernel/net/x${name}.ko:\n` }),
  },
  { id: `KernelModule-${name}`, outcome: 'unknown', input: { plugin }, machine: files(release) },
  ...(plugin ? [{ id: `KernelModule-${name}`, outcome: 'skipped' } as const] : []),
]
const sysctlCases = (key: string, good: string, bad: string): Case[] => [
  { id: `Sysctl-${key}`, outcome: 'pass', machine: sysctlFile(key, good) },
  { id: `Sysctl-${key}`, outcome: 'fail', machine: sysctlFile(key, bad) },
]
const leftoverCases = (path: string): Case[] => [
  { id: `Leftover-${path.slice(1).replaceAll('/', '-')}`, outcome: 'pass' },
  { id: `Leftover-${path.slice(1).replaceAll('/', '-')}`, outcome: 'pass', machine: file(path, { directory: true }) },
  {
    id: `Leftover-${path.slice(1).replaceAll('/', '-')}`,
    outcome: 'fail',
    machine: file(`${path}/old`, 'x'),
    remedy: new RegExp(`rm -rf ${path}`),
  },
]
const nm = (config: string) => files({ '/run/NetworkManager/internal': '', '/etc/NetworkManager/conf.d/calico.conf': config })

const hostLeftovers: Case[] = [
  { id: 'OperatingSystem', outcome: 'pass', machine: file('/etc/os-release', 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n') },
  { id: 'OperatingSystem', outcome: 'pass', machine: file('/etc/os-release', 'ID="rocky"\nVERSION_ID="9.4"\n') },
  { id: 'OperatingSystem', outcome: 'fail', machine: file('/etc/os-release', 'ID=ubuntu\nVERSION_ID="23.10"\n') },
  { id: 'OperatingSystem', outcome: 'fail', machine: file('/etc/os-release', 'ID=gentoo\n') },
  { id: 'OperatingSystem', outcome: 'unknown' },
  { id: 'Architecture', outcome: 'pass' },
  ...moduleCases('overlay', 'OVERLAY_FS'),
  ...moduleCases('br_netfilter', 'BRIDGE_NETFILTER'),
  ...moduleCases('nf_conntrack', 'NF_CONNTRACK'),
  ...moduleCases('ip_vs', 'IP_VS'),
  ...moduleCases('ip_vs_rr', 'IP_VS_RR'),
  ...moduleCases('ip_vs_wrr', 'IP_VS_WRR'),
  ...moduleCases('ip_vs_sh', 'IP_VS_SH'),
  ...moduleCases('vxlan', 'VXLAN', 'flannel'),
  ...moduleCases('geneve', 'GENEVE', 'kube-ovn'),
  ...moduleCases('openvswitch', 'OPENVSWITCH', 'kube-ovn'),
  ...sysctlCases('fs.inotify.max_user_instances', '512', '511'),
  ...sysctlCases('fs.inotify.max_user_watches', '65536', '8192'),
  ...sysctlCases('fs.file-max', '100000', '99999'),
  ...sysctlCases('kernel.pid_max', '32768', '4096'),
  ...sysctlCases('vm.max_map_count', '262144', '65529'),
  ...sysctlCases('vm.overcommit_memory', '1', '2'),
  ...sysctlCases('kernel.panic', '10', '0'),
  ...sysctlCases('kernel.panic_on_oops', '1', '0'),
  ...sysctlCases('net.ipv4.conf.all.rp_filter', '2', '1'),
  ...sysctlCases('net.ipv4.ip_local_port_range', '32768\t60999', '1024\t65535'),
  ...sysctlCases('fs.may_detach_mounts', '1', '0'),
  { id: 'Sysctl-fs.may_detach_mounts', outcome: 'pass' },
  { id: 'Sysctl-vm.max_map_count', outcome: 'unknown' },
  { id: 'SwapPersistent', outcome: 'pass', machine: file('/etc/fstab', '# /dev/sda2 none swap sw 0 0\n/dev/sda1 / ext4 defaults 0 1\n') },
  { id: 'SwapPersistent', outcome: 'fail', machine: file('/etc/fstab', '/dev/sda2 none swap sw 0 0\n') },
  { id: 'SwapPersistent', outcome: 'fail', machine: files({ '/etc/systemd/system/dev-sda2.swap': '' }) },
  { id: 'SwapPersistent', outcome: 'unknown' },
  { id: 'TransparentHugePages', outcome: 'pass', machine: file('/sys/kernel/mm/transparent_hugepage/enabled', 'always [madvise] never\n') },
  { id: 'TransparentHugePages', outcome: 'fail', machine: file('/sys/kernel/mm/transparent_hugepage/enabled', '[always] madvise never\n') },
  { id: 'SELinux', outcome: 'pass' },
  { id: 'SELinux', outcome: 'pass', machine: file('/sys/fs/selinux/enforce', '1', { programs: { rpm: {} } }) },
  { id: 'SELinux', outcome: 'fail', machine: file('/sys/fs/selinux/enforce', '1') },
  { id: 'AppArmor', outcome: 'pass' },
  { id: 'AppArmor', outcome: 'fail', machine: file('/sys/module/apparmor/parameters/enabled', 'Y\n') },
  { id: 'NetworkManager', outcome: 'pass' },
  {
    id: 'NetworkManager',
    outcome: 'pass',
    input: { plugin: 'calico' },
    machine: nm('[keyfile]\nunmanaged-devices=interface-name:cali*;interface-name:tunl*;interface-name:vxlan.calico\n'),
  },
  {
    id: 'NetworkManager',
    outcome: 'fail',
    input: { plugin: 'calico' },
    machine: nm('[keyfile]\nunmanaged-devices=interface-name:eth9\n'),
    remedy: /interface-name:cali\*/,
  },
  {
    id: 'SystemdDefaultTasksMax',
    outcome: 'pass',
    machine: files(systemd, { programs: { systemctl: { stdout: '18446744073709551615\n' } } }),
  },
  { id: 'SystemdDefaultTasksMax', outcome: 'fail', machine: files(systemd, { programs: { systemctl: { stdout: '512\n' } } }) },
  { id: 'SystemdDefaultTasksMax', outcome: 'unknown' },
  { id: 'ConflictingPackages', outcome: 'pass' },
  { id: 'ConflictingPackages', outcome: 'fail', severity: 'error', machine: { programs: { k3s: {} } }, remedy: /k3s-uninstall/ },
  { id: 'ConflictingPackages', outcome: 'fail', severity: 'warning', machine: { programs: { dockerd: {} } } },
  { id: 'Leftover-processes', outcome: 'pass', machine: file('/proc/1/comm', 'systemd\n') },
  { id: 'Leftover-processes', outcome: 'fail', machine: file('/proc/900/comm', 'kubelet\n'), observed: /kubelet \(pid 900\)/ },
  { id: 'Leftover-processes', outcome: 'unknown' },
  { id: 'Leftover-units', outcome: 'pass' },
  {
    id: 'Leftover-units',
    outcome: 'fail',
    machine: file('/etc/systemd/system/kubelet.service', '[Unit]'),
    remedy: /systemctl disable --now kubelet\.service/,
  },
  ...[
    '/etc/cni/net.d',
    '/opt/cni',
    '/etc/kubernetes',
    '/var/lib/kubelet',
    '/var/lib/etcd',
    '/var/lib/cni',
    '/var/lib/docker',
    '/var/lib/containerd',
  ].flatMap(leftoverCases),
  {
    id: 'Leftover-iptables',
    outcome: 'pass',
    machine: { programs: { 'iptables-save': { stdout: '*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n' } } },
  },
  {
    id: 'Leftover-iptables',
    outcome: 'fail',
    machine: { programs: { 'iptables-save': { stdout: '*nat\n:KUBE-SERVICES - [0:0]\nCOMMIT\n' } } },
    observed: /KUBE-SERVICES/,
  },
  { id: 'Leftover-iptables', outcome: 'fail', machine: { programs: { nft: { stdout: 'table ip kube-proxy\n' } } } },
  { id: 'Leftover-iptables', outcome: 'unknown' },
  { id: 'Leftover-ipvs', outcome: 'pass' },
  {
    id: 'Leftover-ipvs',
    outcome: 'fail',
    machine: file(
      '/proc/net/ip_vs',
      'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  0A600001:01BB rr\n',
    ),
  },
  { id: 'Leftover-interfaces', outcome: 'pass', machine: files(nic('eth0', 1500)) },
  {
    id: 'Leftover-interfaces',
    outcome: 'fail',
    machine: files({ ...nic('cni0', 1450), ...nic('flannel.1', 1450) }),
    remedy: /`ip link delete cni0` ; `ip link delete flannel\.1`/,
  },
  { id: 'Leftover-interfaces', outcome: 'unknown' },
]

export const cases: Case[] = [...kubeadm, ...identityTimeDns, ...networkDisk, ...hostLeftovers]
