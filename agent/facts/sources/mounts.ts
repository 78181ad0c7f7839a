// Mounted filesystems from /proc/self/mountinfo (proc_pid_mountinfo(5)).
import type { Host } from '#agent/host/types.ts'

export interface Mount {
  mountPoint: string
  /** `major:minor`, the same for every mount of one filesystem. */
  deviceNumber: string
  device: string
  fsType: string
  options: string[]
}

export async function readMounts(host: Host): Promise<Mount[] | undefined> {
  const text = await host.readText('/proc/self/mountinfo')
  return text === undefined ? undefined : parseMounts(text)
}

/** `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw`; any number of optional fields before the dash. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    const fields = line.split(' ')
    const dash = fields.indexOf('-', 6)
    const [, , deviceNumber, , mountPoint, options] = fields
    if (dash === -1 || deviceNumber === undefined || mountPoint === undefined) continue
    mounts.push({
      mountPoint: unescapeOctal(mountPoint),
      deviceNumber,
      device: unescapeOctal(fields[dash + 2] ?? ''),
      fsType: fields[dash + 1] ?? '',
      options: (options ?? '').split(','),
    })
  }
  return mounts
}

/** The mount that a path is on: the one with the longest mount point that leads to it, the last of equals as it lies on top. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const isAbove = mount.mountPoint === '/' || path === mount.mountPoint || path.startsWith(`${mount.mountPoint}/`)
    if (isAbove && (best === undefined || mount.mountPoint.length >= best.mountPoint.length)) best = mount
  }
  return best
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
