import { type Check, fail, pass, unknown } from '../types.ts'

/** kubeadm's constant is called MB and compared with bytes / 1024 / 1024: mebibytes. */
const minMebibytes = 1700
const mebibyte = 1024 * 1024

export const mem: Check = {
  id: 'Mem',
  group: 'kubeadm',
  severity: 'error',
  roles: ['controlPlane'],
  expected: `at least ${minMebibytes} MiB of memory`,
  source: 'kubeadm MemCheck, ControlPlaneMem = 1700',
  async run({ machine }) {
    const totalBytes = (await machine.memory())?.get('MemTotal')
    if (totalBytes === undefined) return unknown('/proc/meminfo has no MemTotal', 'Look at `free -m` yourself.')
    const mebibytes = Math.floor(totalBytes / mebibyte)
    return mebibytes >= minMebibytes
      ? pass(`${mebibytes} MiB`)
      : fail(`${mebibytes} MiB`, `Give the machine at least ${minMebibytes} MiB of memory.`)
  },
}
