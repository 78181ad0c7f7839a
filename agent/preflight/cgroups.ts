// Which cgroup version the machine uses, and the controllers there.
import { type Mount } from '#agent/facts/sources/mounts.ts'
import type { Host } from '#agent/host/types.ts'

export interface Cgroups {
  /** 2 only when nothing but the unified hierarchy carries controllers: a hybrid machine is version 1 to the kubelet. */
  version: 1 | 2
  controllers: string[]
}

/** undefined when no cgroup filesystem is mounted or its list cannot be read. */
export async function readCgroups(host: Host, mounts: readonly Mount[] | undefined): Promise<Cgroups | undefined> {
  const version1 = mounts?.find((mount) => mount.fsType === 'cgroup')
  const unified = mounts?.find((mount) => mount.fsType === 'cgroup2')
  if (version1) {
    const text = await host.readText('/proc/cgroups')
    return text === undefined ? undefined : { version: 1, controllers: parseVersion1(text) }
  }
  if (unified === undefined) return undefined
  const text = await host.readText(`${unified.mountPoint}/cgroup.controllers`)
  if (text === undefined) return undefined
  // devices (BPF) and freezer (5.2) are in every group of version 2 without being listed; the freezer shows as a file of any group but the root.
  const children = ((await host.list(unified.mountPoint)) ?? []).filter((name) => /\.(slice|scope|service)$/.test(name))
  const freezers = await Promise.all(children.map((name) => host.info(`${unified.mountPoint}/${name}/cgroup.freeze`)))
  const hasFreezer = children.length === 0 || freezers.some((info) => info !== undefined)
  return { version: 2, controllers: ['devices', ...(hasFreezer ? ['freezer'] : []), ...text.split(/\s+/).filter(Boolean)] }
}

/** Columns of /proc/cgroups: name, hierarchy, number of groups, enabled. */
function parseVersion1(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[3] === '1')
    .map(([name = '']) => name)
}
