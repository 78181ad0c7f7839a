// Pieces of machines that the cases of the checks are made of.
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

export const files = (all: Record<string, FakeFile>, rest: FakeMachine = {}): FakeMachine => ({ ...rest, files: all })
export const file = (path: string, content: FakeFile, rest: FakeMachine = {}): FakeMachine => files({ [path]: content }, rest)
export const hostname = (name: string) => ({ '/proc/sys/kernel/hostname': `${name}\n` })
export const named = (name: string, addresses: string[], own = ['192.0.2.5']): FakeMachine =>
  files(hostname(name), { probes: { lookup: async () => addresses, addresses: () => own.map((address) => ethernet(address, 24)) } })
export const own = (...addresses: string[]): FakeMachine => ({
  probes: { addresses: () => addresses.map((address) => ethernet(address, 24)) },
})

export const tcpHead = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
export const listening = (port: number, state = '0A') =>
  `${tcpHead}   0: 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n`
export const routes = (...rows: string[]) =>
  `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n${rows.join('\n')}\n`
export const defaultVia = 'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0'
export const net10 = 'eth1\t0000030A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0' // 10.3.0.0/16
export const mounts = (...rows: string[]) => rows.join('\n')
export const ext4Root = '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw'
export const cgroup1 = '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu'
export const cgroup2 = '31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw'
export const v2Files = {
  '/proc/self/mountinfo': mounts(ext4Root, cgroup2),
  '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
  '/sys/fs/cgroup/init.scope/cgroup.freeze': '0\n',
}
export const v1Controllers = `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${['cpuset', 'cpu', 'cpuacct', 'memory', 'devices', 'freezer', 'pids'].map((name) => `${name}\t1\t1\t1`).join('\n')}\n`
export const fullConfig =
  'NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CPUSETS MEMCG INET EXT4_FS PROC_FS NETFILTER_XT_TARGET_REDIRECT NETFILTER_XT_MATCH_COMMENT FAIR_GROUP_SCHED CGROUPS CGROUP_PIDS CGROUP_SCHED CGROUP_CPUACCT CGROUP_DEVICE CGROUP_FREEZER CGROUP_BPF'
    .split(' ')
    .map((name, index) => `CONFIG_${name}=${index % 3 ? 'y' : 'm'}`)
    .join('\n')
export const release = { '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n' }
export const cpus = (count: number) => Array.from({ length: count }, (_, index) => `processor\t: ${index}\nmodel name\t: Test\n`).join('\n')
export const space = (availableGb: number, usedShare = 0.1, inodesFree = 0.5): FakeMachine => ({
  filesystem: () => ({
    totalBytes: Math.round((availableGb * 1e9) / (1 - usedShare)),
    freeBytes: Math.round(availableGb * 1e9),
    availableBytes: Math.round(availableGb * 1e9),
    inodes: 1_000_000,
    inodesFree: inodesFree * 1_000_000,
  }),
})
export const systemd = { '/run/systemd/system': { directory: true } as const }
export const proxy = (noProxy: string): FakeMachine['environment'] => ({ HTTPS_PROXY: 'http://user:pa55@proxy:3128', NO_PROXY: noProxy })
export const chrony = (offset: string, leap = 'Normal') => ({
  stdout: `A29FC87B,time.example,3,1700000000.5,${offset},0.0001,0.0002,1.2,0.01,0.05,0.010,0.002,64.2,${leap}\n`,
})
export const resolver = (...servers: string[]) => ({
  '/etc/resolv.conf': `${servers.map((server) => `nameserver ${server}`).join('\n')}\n`,
})
export const answers = (codes: Record<string, string>): FakeMachine['probes'] => ({
  askResolver: async (server) => ({ isAnswered: codes[server] !== 'ETIMEOUT', code: codes[server] ?? 'NOERROR' }),
})
export const cluster: PreflightInput = { clusterCIDRs: ['10.3.0.0/16'], serviceCIDRs: ['10.4.0.0/16'] }
export const nic = (name: string, mtu: number, extra: Record<string, FakeFile> = {}) => ({
  [`/sys/class/net/${name}/mtu`]: `${mtu}\n`,
  [`/sys/class/net/${name}/flags`]: '0x1003\n',
  [`/sys/class/net/${name}/address`]: '02:00:00:00:00:01\n',
  [`/sys/class/net/${name}/device`]: { link: '../../devices/x' } as const,
  ...extra,
})
export const sysctlFile = (key: string, value: string) => file(`/proc/sys/${key.replaceAll('.', '/')}`, `${value}\n`)
export const latencies = (milliseconds: number[], rest: Record<string, FakeFile> = {}): FakeMachine =>
  files(
    { '/var/lib/dpkg/status': '', '/proc/self/mountinfo': ext4Root, ...rest },
    { probes: { fsync: async () => ({ latenciesMs: milliseconds, isIdlePriority: false }) } },
  )
export const many = (value: number, count: number) => Array.from({ length: count }, () => value)
