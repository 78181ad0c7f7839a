import type { KernelConfig } from '../kernel-config.ts'
import { readCgroups } from '../cgroups.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

/** Each may be built in or a module; the second name is an older or other spelling of the same. */
const always: readonly string[][] = [
  ['NAMESPACES'],
  ['NET_NS'],
  ['PID_NS'],
  ['IPC_NS'],
  ['UTS_NS'],
  ['CPUSETS'],
  ['MEMCG'],
  ['INET'],
  ['EXT4_FS'],
  ['PROC_FS'],
  ['NETFILTER_XT_TARGET_REDIRECT', 'IP_NF_TARGET_REDIRECT'],
  ['NETFILTER_XT_MATCH_COMMENT'],
  ['FAIR_GROUP_SCHED'],
  ['CGROUPS'],
  ['CGROUP_PIDS'],
  ['CGROUP_SCHED'],
]
const onVersion1: readonly string[][] = [['CGROUP_CPUACCT'], ['CGROUP_DEVICE'], ['CGROUP_FREEZER']]
const onVersion2: readonly string[][] = [['CGROUP_BPF']]
const controllers = ['cpu', 'cpuset', 'devices', 'freezer', 'memory', 'pids']

/** Options of which no spelling is `y` or `m`. */
export function missingOptions(config: KernelConfig['values'], cgroupVersion: 1 | 2): string[] {
  const isSet = (name: string) => config.get(name) === 'y' || config.get(name) === 'm'
  return [...always, ...(cgroupVersion === 1 ? onVersion1 : onVersion2)]
    .filter((names) => !names.some(isSet))
    .map(([name = '']) => `CONFIG_${name}`)
}

export const systemVerification: Check = {
  id: 'SystemVerification',
  group: 'kubeadm',
  severity: 'error',
  expected: `kernel options for namespaces, cgroups and netfilter; cgroup controllers ${controllers.join(', ')} (and cpuacct on v1)`,
  source: 'kubeadm SystemVerificationCheck (k8s.io/system-validators)',
  async run({ host, machine }) {
    const cgroups = await readCgroups(host, await machine.mounts())
    if (cgroups === undefined)
      return unknown(
        'no cgroup filesystem is mounted, or its controllers cannot be read',
        'Look at `mount -t cgroup,cgroup2` and /sys/fs/cgroup.',
      )
    const wanted = cgroups.version === 1 ? [...controllers, 'cpuacct'] : controllers
    const lacking = wanted.filter((name) => !cgroups.controllers.includes(name))
    const config = await machine.kernelConfig()
    const missing = config ? missingOptions(config.values, cgroups.version) : []
    const problems = [
      lacking.length > 0 ? `cgroup controllers missing: ${lacking.join(' ')}` : '',
      missing.length > 0 ? `kernel options not set: ${missing.join(' ')}` : '',
    ]
    const observed = problems.filter(Boolean).join('; ')
    if (observed)
      return fail(
        observed,
        'Use the distribution’s own kernel, and enable the controllers (cgroup_enable=memory on its command line where it needs that).',
      )
    if (config === undefined)
      return unknown(
        `cgroup v${cgroups.version} has its controllers, but the kernel’s configuration is nowhere to be read`,
        'Install the kernel’s headers or config package, or `modprobe configs`, and run it again.',
      )
    return pass(`cgroup v${cgroups.version} has its controllers; ${config.path} has every option`)
  },
}
