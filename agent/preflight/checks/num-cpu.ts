import { readCpu } from '#agent/facts/sources/system.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

const minCpus = 2

export const numCpu: Check = {
  id: 'NumCPU',
  group: 'kubeadm',
  severity: 'error',
  roles: ['controlPlane'],
  expected: `at least ${minCpus} CPUs`,
  source: 'kubeadm NumCPUCheck, ControlPlaneNumCPU = 2',
  async run({ host }) {
    const count = (await readCpu(host))?.count
    if (!count) return unknown('/proc/cpuinfo names no processor', 'Look at `nproc` yourself.')
    return count >= minCpus ? pass(`${count} CPUs`) : fail(`${count} CPU`, `Give the machine at least ${minCpus} CPUs.`)
  },
}
