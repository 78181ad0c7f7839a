// From nothing to a cluster that answers, and back to nothing.
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bed, namespaceOf } from './bed.ts'
import { removeCgroups } from './cgroups.ts'
import { createCluster, machinePrograms } from './cluster.ts'
import { daemonPid, stopDaemon } from './daemon.ts'
import { ensureBase } from './debian.ts'
import { ensureImages } from './images.ts'
import { ensureKubernetes } from './kubernetes.ts'
import { machineFiles, type MachineSpec } from './machine-files.ts'
import { bootMachine, removeMachine } from './machine.ts'
import { createNetworks, deleteNamespace } from './network.ts'
import { startRegistry } from './registry.ts'
import { run, step } from './shell.ts'

const stateFile = (bed: Bed): string => join(bed.run, 'ready.json')
const keyFile = (bed: Bed): string => join(bed.run, 'id_ed25519')

/** The machines of a bed that is ready to be used; undefined otherwise. */
export async function readyMachines(bed: Bed): Promise<MachineSpec[] | undefined> {
  if (!existsSync(stateFile(bed))) return undefined
  const { machines } = JSON.parse(await readFile(stateFile(bed), 'utf8')) as { machines: MachineSpec[] }
  for (const { name } of machines) if (!(await daemonPid(bed, name))) return undefined
  return machines
}

/** A control plane c1 and `workers` machines w1, w2… Leftovers of a run that was broken off are removed first. */
export async function bringUp(bed: Bed, { workers = 1 } = {}): Promise<MachineSpec[]> {
  const ready = await readyMachines(bed)
  if (ready) return ready
  await takeDown(bed)
  await mkdir(bed.run, { recursive: true })
  const machines = [{ name: 'c1', index: 1 }, ...Array.from({ length: workers }, (_, n) => ({ name: `w${n + 1}`, index: n + 2 }))]
  const base = await ensureBase(bed)
  await ensureKubernetes(bed, base)
  await createNetworks(bed)
  await startRegistry(bed, base)
  await ensureImages(bed, base)
  await run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', keyFile(bed))
  await chmod(keyFile(bed), 0o600)
  const authorizedKey = await readFile(`${keyFile(bed)}.pub`, 'utf8')
  const programs = await machinePrograms(bed)
  await step(bed, `booting ${machines.map(({ name }) => name).join(', ')}`, () =>
    Promise.all(
      machines.map((machine) => bootMachine(bed, machine, { base, files: machineFiles(machine, machines, authorizedKey), programs })),
    ),
  )
  await createCluster(bed, machines)
  await writeFile(stateFile(bed), JSON.stringify({ machines }))
  return machines
}

/** Everything but the cache. Safe to repeat, whatever state it finds. */
export async function takeDown(bed: Bed): Promise<void> {
  await rm(stateFile(bed), { force: true })
  const prefix = namespaceOf(bed, '')
  const namespaces = existsSync('/run/netns') ? (await readdir('/run/netns')).filter((name) => name.startsWith(prefix)) : []
  const folders = existsSync(bed.run) ? await readdir(bed.run, { withFileTypes: true }) : []
  const pidFiles = folders.filter(({ name }) => name.endsWith('.pid')).map(({ name }) => name.slice(0, -'.pid'.length))
  const machines = new Set(
    folders.filter((entry) => entry.isDirectory() && existsSync(join(bed.run, entry.name, 'upper'))).map(({ name }) => name),
  )
  await Promise.all([...machines].map((name) => removeMachine(bed, name)))
  for (const name of pidFiles) if (!machines.has(name)) await stopDaemon(bed, name)
  for (const name of namespaces) await deleteNamespace(bed, name.slice(prefix.length))
  await removeCgroups(bed)
  await rm(bed.run, { recursive: true, force: true })
}
