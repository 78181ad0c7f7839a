import { existingAncestor } from '../paths.ts'
import { type Check, fail, pass, type Role } from '../types.ts'

/** Gigabytes of disks: powers of ten. */
const gigabyte = 1e9

export interface SpaceLimits {
  leastGb: number
  wantedGb: number
}

/** undefined is enough. */
export function spaceSeverity(availableBytes: number, { leastGb, wantedGb }: SpaceLimits): 'error' | 'warning' | undefined {
  if (availableBytes < leastGb * gigabyte) return 'error'
  return availableBytes < wantedGb * gigabyte ? 'warning' : undefined
}

export function diskSpace(name: string, path: string, limits: SpaceLimits, roles?: readonly Role[]): Check {
  return {
    id: `DiskSpace-${name}`,
    group: 'disk',
    severity: 'error',
    roles,
    expected: `at least ${limits.leastGb} GB free for ${path}, better ${limits.wantedGb} GB`,
    source: 'sizing of a cluster’s machines',
    async run({ host }) {
      const place = await existingAncestor(host, path)
      const { availableBytes, totalBytes } = await host.filesystem(place)
      const observed = `${(availableBytes / gigabyte).toFixed(1)} GB free of ${(totalBytes / gigabyte).toFixed(1)} GB at ${place}`
      const severity = spaceSeverity(availableBytes, limits)
      return severity === undefined ? pass(observed) : fail(observed, `Free space there, or mount a larger disk at ${path}.`, severity)
    },
  }
}
