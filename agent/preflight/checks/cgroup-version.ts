import { readCgroups } from '../cgroups.ts'
import { type Check, fail, pass, unknown } from '../types.ts'
import { rulesOf } from '../versions.ts'

export const cgroupVersion: Check = {
  id: 'SystemVerification/cgroup-v1',
  group: 'kubeadm',
  severity: 'warning',
  severityByMinor: (minor) => rulesOf(minor).cgroupV1,
  expected: 'cgroup v2',
  source: 'kubeadm SystemVerificationCheck; KEP-4569 (v1 in maintenance since 1.31), KEP-5573 (kubelet refuses it since 1.35)',
  async run({ host, machine }) {
    const cgroups = await readCgroups(host, await machine.mounts())
    if (cgroups === undefined) return unknown('no cgroup filesystem is mounted', 'Look at `mount -t cgroup,cgroup2`.')
    if (cgroups.version === 2) return pass('cgroup v2')
    return fail(
      'cgroup v1 (or hybrid)',
      'Boot with `systemd.unified_cgroup_hierarchy=1` on the kernel command line, or use a release whose default is v2.',
    )
  },
}
