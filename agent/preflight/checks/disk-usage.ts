import { existingAncestor } from '../paths.ts'
import { type Check, fail, pass } from '../types.ts'

/** The kubelet starts to remove images at 85 % and to evict pods soon after. */
const maxShare = 0.8
const places = ['/', '/var/lib/etcd', '/var/lib/containerd', '/var/lib/kubelet', '/var/log']

export const diskUsage: Check = {
  id: 'DiskUsage',
  group: 'disk',
  severity: 'warning',
  expected: `every filesystem of the node is less than ${maxShare * 100} % used`,
  source: 'kubelet imageGCHighThresholdPercent = 85',
  async run({ host }) {
    const seen = new Map<string, number>()
    for (const path of places) {
      const place = await existingAncestor(host, path)
      const { totalBytes, freeBytes, availableBytes } = await host.filesystem(place)
      // As df counts: what is reserved for root is neither used nor available.
      const usedBytes = totalBytes - freeBytes
      seen.set(place, usedBytes + availableBytes === 0 ? 1 : usedBytes / (usedBytes + availableBytes))
    }
    const show = ([place, share]: [string, number]) => `${place} ${(share * 100).toFixed(0)} %`
    const full = [...seen].filter(([, share]) => share >= maxShare)
    return full.length > 0
      ? fail(full.map(show).join(', '), 'Free space there: `journalctl --vacuum-size=500M`, old packages and images.')
      : pass([...seen].map(show).join(', '))
  },
}
