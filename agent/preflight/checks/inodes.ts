import { existingAncestor } from '../paths.ts'
import { type Check, fail, pass } from '../types.ts'

const leastFree = 0.1
const places = ['/', '/var/lib/containerd', '/var/lib/kubelet']

export const inodes: Check = {
  id: 'Inodes',
  group: 'disk',
  severity: 'warning',
  expected: `at least ${leastFree * 100} % of the inodes are free`,
  source: 'kubelet evictionHard nodefs.inodesFree < 5 %',
  async run({ host }) {
    const shares = new Map<string, number>()
    for (const path of places) {
      const place = await existingAncestor(host, path)
      const filesystem = await host.filesystem(place)
      // btrfs and the like make inodes as they need them and report none.
      if (filesystem.inodes > 0) shares.set(place, filesystem.inodesFree / filesystem.inodes)
    }
    const show = ([place, share]: [string, number]) => `${place} ${(share * 100).toFixed(0)} % free`
    const scarce = [...shares].filter(([, share]) => share < leastFree)
    if (scarce.length > 0)
      return fail(
        scarce.map(show).join(', '),
        'Remove many small files there, or make the filesystem anew with more inodes (mkfs.ext4 -N).',
      )
    return pass([...shares].map(show).join(', ') || 'these filesystems make inodes as they need them')
  },
}
