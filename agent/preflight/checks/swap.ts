import { type Check, fail, pass, unknown } from '../types.ts'

const mebibyte = 1024

export const swap: Check = {
  id: 'Swap',
  group: 'kubeadm',
  severity: 'warning',
  expected: 'no active swap',
  source: 'kubeadm SwapCheck',
  async run({ host }) {
    const text = await host.readText('/proc/swaps')
    if (text === undefined)
      return unknown('/proc/swaps cannot be read (a kernel without swap does not have it)', 'Look at `swapon --show`.')
    // Columns: file name, type, size in KiB, used, priority.
    const areas = text
      .split('\n')
      .slice(1)
      .filter(Boolean)
      .map((line) => line.trim().split(/\s+/))
    if (areas.length === 0) return pass('none')
    return fail(
      areas.map(([file, , kib]) => `${file} (${Math.round(Number(kib) / mebibyte)} MiB)`).join(', '),
      '`swapoff -a`, and remove the swap entries of /etc/fstab; or set up the kubelet for swap (cgroup v2 only).',
    )
  },
}
