// A machine: Debian's systemd in namespaces and cgroups of its own (systemd-nspawn), on an overlay over the base tree, with one cable to
// the switch. Its disk is `run/NAME/upper`; removing that is a factory reset.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type CommandOptions, type CommandResult, tryCommand } from '#scripts/dev/command.ts'
import { type Bed, namespaceOf } from './bed.ts'
import { createCgroups, inCgroups, removeCgroups } from './cgroups.ts'
import { daemonPid, logFileOf, startDaemon, stopDaemon } from './daemon.ts'
import { addressOf, type MachineFile, type MachineSpec, wantedUnits } from './machine-files.ts'
import { createNamespace, deleteNamespace, fabricAddress } from './network.ts'
import { run } from './shell.ts'

const bootLimitMs = 60_000
/** overlay on overlay fails, so what containerd and etcd write lies on the file system itself. */
const plainFolders = ['containerd', 'kubelet', 'etcd'] as const
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const folderOf = (bed: Bed, name: string): string => join(bed.run, name)
const rootOf = (bed: Bed, name: string): string => join(folderOf(bed, name), 'root')

export interface MachineContent {
  base: string
  files: readonly MachineFile[]
  /** Programs of this machine that it has in /usr/bin. */
  programs: readonly string[]
}

/** Makes its disk when it has none, and its cable; boots it; resolves when systemd has started everything. */
export async function bootMachine(bed: Bed, machine: MachineSpec, content: MachineContent): Promise<void> {
  const { name } = machine
  if (await daemonPid(bed, name)) return
  await mountRoot(bed, name, content)
  await connectCable(bed, machine)
  await createCgroups(bed, name)
  const folder = folderOf(bed, name)
  const nspawn = [
    ...['systemd-nspawn', '--directory', rootOf(bed, name), '--boot', '--register=no', '--keep-unit', '--console=pipe'],
    ...[`--machine=${name}`, `--hostname=${name}`, `--network-namespace-path=/run/netns/${namespaceOf(bed, name)}`],
    ...['--private-users=no', '--capability=all', '--resolv-conf=off', '--timezone=off', '--link-journal=no'],
    ...['--bind=/dev/kmsg', '--bind=/dev/net/tun'],
    ...plainFolders.map((plain) => `--bind=${join(folder, plain)}:/var/lib/${plain}`),
    ...content.programs.map((program) => `--bind-ro=${program}:/usr/bin/${basename(program)}`),
  ]
  const env = { ...process.env, SYSTEMD_SECCOMP: '0', SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network' }
  await startDaemon(bed, name, await inCgroups(bed, name, nspawn), env)
  await untilBooted(bed, name)
}

async function mountRoot(bed: Bed, name: string, { base, files }: MachineContent): Promise<void> {
  const folder = folderOf(bed, name)
  const root = rootOf(bed, name)
  const isNew = !existsSync(join(folder, 'upper'))
  for (const part of ['upper', 'work', 'root', ...plainFolders]) await mkdir(join(folder, part), { recursive: true })
  const layers = `lowerdir=${base},upperdir=${join(folder, 'upper')},workdir=${join(folder, 'work')}`
  if (!existsSync(join(root, 'etc'))) await run('mount', '-t', 'overlay', namespaceOf(bed, name), '-o', layers, root)
  if (!isNew) return
  for (const { path: target, text, mode = 0o644 } of files) {
    await mkdir(dirname(join(root, target)), { recursive: true, mode: target.includes('/.ssh/') ? 0o700 : 0o755 })
    await writeFile(join(root, target), text, { mode })
  }
  for (const [unit, target] of Object.entries(wantedUnits)) {
    const link = join(root, `etc/systemd/system/${target}.wants`, unit)
    await mkdir(dirname(link), { recursive: true })
    await rm(link, { force: true })
    await symlink(`${unit === 'containerd.service' ? '/lib' : '/etc'}/systemd/system/${unit}`, link)
  }
  const id = (await readFile('/proc/sys/kernel/random/uuid', 'utf8')).replaceAll('-', '')
  await writeFile(join(root, 'etc/machine-id'), id)
  await run('ssh-keygen', '-A', '-f', root)
}

async function connectCable(bed: Bed, machine: MachineSpec): Promise<void> {
  const { name } = machine
  const namespace = namespaceOf(bed, name)
  if (existsSync(`/run/netns/${namespace}`)) return
  await createNamespace(bed, name)
  const fabric = namespaceOf(bed, 'fabric')
  await run('ip', '-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', name, 'netns', fabric)
  await run('ip', '-n', namespace, 'addr', 'add', `${addressOf(machine)}/24`, 'dev', 'eth0')
  await run('ip', '-n', namespace, 'link', 'set', 'eth0', 'up')
  await run('ip', '-n', namespace, 'route', 'add', 'default', 'via', fabricAddress)
  await run('ip', '-n', fabric, 'link', 'set', name, 'master', 'br0', 'up')
}

/** Its process 1 as this machine numbers it. */
async function initOf(bed: Bed, name: string): Promise<number | undefined> {
  const pid = await daemonPid(bed, name)
  if (pid === undefined) return undefined
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
    throw error
  })
  const [first] = children.trim().split(' ')
  return first ? Number(first) : undefined
}

/** The command as it has to be run from outside to run inside. */
export async function inMachine(bed: Bed, name: string, command: readonly string[]): Promise<string[]> {
  const init = await initOf(bed, name)
  if (init === undefined) throw new Error(`${name} is not up`)
  const enter = ['nsenter', '--target', String(init), '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--']
  const terminal = `TERM=${process.env['TERM'] ?? 'dumb'}`
  const env = ['env', '-i', `PATH=${path}`, 'HOME=/root', 'LANG=C.UTF-8', 'KUBECONFIG=/etc/kubernetes/admin.conf', terminal]
  return inCgroups(bed, name, [...enter, ...env, ...command])
}

export async function tryOn(bed: Bed, name: string, command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = '', ...args] = await inMachine(bed, name, command)
  return tryCommand(program, args, options)
}

/** @throws Error with what the command said */
export async function runOn(bed: Bed, name: string, command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryOn(bed, name, command, options)
  if (code !== 0) throw new Error(`${command.join(' ')} on ${name} ended with ${code}:\n${(stdout + stderr).trim().slice(-4000)}`)
  return stdout
}

async function untilBooted(bed: Bed, name: string): Promise<void> {
  const end = performance.now() + bootLimitMs
  for (let last = ''; ; ) {
    if (!(await daemonPid(bed, name)))
      throw new Error(`${name} ended while it booted: ${(await readFile(logFileOf(bed, name), 'utf8')).slice(-2000)}`)
    if (await initOf(bed, name)) {
      const { stdout, stderr } = await tryOn(bed, name, ['systemctl', 'is-system-running'])
      // `degraded`: a unit failed that is of no use in a container. What is needed of the machine is asked for by its users.
      if (/^(running|degraded)/.test(stdout)) return
      last = stdout + stderr
    }
    if (performance.now() > end) throw new Error(`${name} has not booted in ${bootLimitMs / 1000} s: ${last}`)
    await delay(100)
  }
}

/** Power cut: nothing is flushed or stopped in order. Cable and disk stay. */
export async function cutPower(bed: Bed, name: string): Promise<void> {
  const init = await initOf(bed, name)
  if (init !== undefined) process.kill(init, 'SIGKILL')
  await stopDaemon(bed, name)
}

/** Machine, cable, cgroups and disk. Safe to repeat, and after a run that was broken off. */
export async function removeMachine(bed: Bed, name: string): Promise<void> {
  await cutPower(bed, name)
  const root = rootOf(bed, name)
  if (existsSync(join(root, 'etc'))) await run('umount', '--recursive', root)
  await deleteNamespace(bed, name)
  const end = performance.now() + 10_000
  while (!(await removeCgroups(bed, name))) {
    if (performance.now() > end) throw new Error(`processes of ${name} are still there: see /sys/fs/cgroup/systemd/${bed.name}/${name}`)
    await delay(100)
  }
  await rm(folderOf(bed, name), { recursive: true, force: true })
}
