// A cgroup for each machine in every hierarchy of cgroup v1; the machine's cgroup namespace is rooted there.
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bed } from './bed.ts'

const root = '/sys/fs/cgroup'

async function hierarchies(): Promise<string[]> {
  const names = existsSync(root) ? await readdir(root) : []
  if (!names.includes('memory') || !names.includes('systemd'))
    throw new Error(`${root} has no cgroup v1 hierarchies; the machines of the test bed need them (systemd.unified_cgroup_hierarchy=0)`)
  return names.map((name) => join(root, name))
}

export async function createCgroups(bed: Bed, machine: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    await mkdir(join(hierarchy, bed.name, machine), { recursive: true })
    if (!hierarchy.endsWith('/cpuset')) continue
    // A cpuset is born without processors, and nothing can enter it.
    for (const folder of [join(hierarchy, bed.name), join(hierarchy, bed.name, machine)]) {
      for (const file of ['cpuset.cpus', 'cpuset.mems']) await writeFile(join(folder, file), await readFile(join(hierarchy, file)))
      await writeFile(join(folder, 'cgroup.clone_children'), '1')
    }
  }
}

/** The command, run inside the machine's cgroups. systemd-nspawn puts its payload one level deeper. */
export async function inCgroups(bed: Bed, machine: string, command: readonly string[]): Promise<string[]> {
  const folders = (await hierarchies())
    .map((hierarchy) => join(hierarchy, bed.name, machine))
    .map((folder) => (existsSync(join(folder, 'payload')) ? join(folder, 'payload') : folder))
  const enter = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1/cgroup.procs"; shift; n=$((n - 1)); done; exec "$@"'
  return ['sh', '-c', enter, 'sh', String(folders.length), ...folders, ...command]
}

/** A cgroup goes when its last process has gone, which the kernel may tell a moment later: false then. */
export async function removeCgroups(bed: Bed, machine?: string): Promise<boolean> {
  let isGone = true
  for (const hierarchy of await hierarchies()) {
    isGone = (await removeTree(machine ? join(hierarchy, bed.name, machine) : join(hierarchy, bed.name))) && isGone
  }
  return isGone
}

async function removeTree(folder: string): Promise<boolean> {
  if (!existsSync(folder)) return true
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name))
  }
  return rmdir(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EBUSY' || error.code === 'ENOENT') return error.code === 'ENOENT'
      throw error
    },
  )
}
