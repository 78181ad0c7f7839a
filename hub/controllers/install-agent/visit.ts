// One stay on a machine: connected, logged in, root, with a folder of our own. An installation has one; cleaning up after a lost
// connection has another. Opening it begins nothing that would have to be undone, but for the folder.
import { readFileSync } from 'node:fs'
import type { Task } from '#shared/contract/task.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { DialError } from '#shared/errors/dial-error.ts'
import { TaskFailure } from '#hub/controllers/task/performed/types.ts'
import { dial } from '#hub/dial/dial.ts'
import { proxyOf } from '#hub/dial/proxy.ts'
import type { CommandOptions, Ran } from '#hub/ssh/command.ts'
import { connectSsh, type SshConnection } from '#hub/ssh/connect.ts'
import { printable } from '#hub/ssh/failure.ts'
import { type RootCommands, rootCommands } from '#hub/ssh/sudo.ts'
import { answersOf, type Probe, probeOf } from './answers.ts'
import { pinHostKey, serverOf } from './host-key.ts'
import { openSecrets } from './secrets.ts'
import type { InstallAgentDeps } from './types.ts'

const script = (name: string) => readFileSync(new URL(`./remote/${name}`, import.meta.url), 'utf8')
const scripts = { probe: script('probe.sh'), folder: script('folder.sh'), machine: script('machine.sh') }

export interface VisitOptions {
  task: Task
  machine: Machine
  deps: InstallAgentDeps
  signal: AbortSignal
  say(text: string): void
  /** What is told to nobody. */
  hide(secret: string | undefined): void
}

export interface Visit {
  probe: Probe
  /** Absolute path, letters, digits, dots and dashes only. */
  folder: string
  connection: SshConnection
  root: RootCommands
  /** machine.sh as root. */
  machine(verb: 'install' | 'settle' | 'undo' | 'finish', options: Omit<CommandOptions, 'what'>): Promise<Ran>
  close(): void
}

const shortMs = 60_000
const dialMs = 20_000

/** Its name is the task's uid, which nobody on the machine can guess, and the same after every restart. */
export function folderName(task: Task): string {
  return `.moorline-install-${(task.metadata.uid ?? '').replace(/[^A-Za-z0-9-]/g, '')}`
}

/** @throws TaskFailure, SshFailure, or the signal's reason */
export async function openVisit(options: VisitOptions): Promise<Visit> {
  const { task, machine, deps, signal, say, hide } = options
  const { ssh } = machine.spec
  if (!ssh) throw new TaskFailure('MachineUnsuitable', `machine ${machine.metadata.name} has no spec.ssh any more`)
  const user = ssh.user ?? 'root'
  const secrets = openSecrets(machine, deps.credentials)
  for (const secret of [secrets.login.password, secrets.login.passphrase, secrets.sudoPassword]) hide(secret)
  const connection = await connect(options, user, secrets.login)
  try {
    const probed = await connection.run('exec sh -s', { what: 'the look at the machine', stdin: scripts.probe, timeoutMs: shortMs, signal })
    const probe = probeOf(probed.stdout, probed.stderr || probed.stdout)
    const password = secrets.sudoPassword
    const root = await rootCommands(connection, { ...probe, user, ...(password !== undefined && { password }), signal })
    if (!probe.isRoot) say(`logged in as ${user}; sudo works`)
    const places = probe.places.map(({ path }) => path).join(' ')
    const made = await connection.run(`exec sh -s -- ${folderName(task)} ${places}`, {
      ...{ what: 'making a folder', stdin: scripts.folder, timeoutMs: shortMs, signal },
    })
    const folder = answersOf(made.stdout).get('folder')?.[0] ?? ''
    if (made.code !== 0 || !/^\/(var\/)?tmp\/[A-Za-z0-9.-]+$/.test(folder)) throw noRoom('no folder could be made', made)
    const brought = await connection.run(`cat >${folder}/machine.sh`, {
      ...{ what: 'the upload of a script', stdin: scripts.machine, timeoutMs: shortMs, signal },
    })
    if (brought.code !== 0) {
      // Nothing else can be in it yet, or the script of an earlier stay would have been replaced.
      await connection.run(`rmdir ${folder}`, { what: 'removing the folder', timeoutMs: shortMs, signal })
      throw noRoom('the folder could not be written', brought)
    }
    return {
      ...{ probe, folder, connection, root },
      machine: (verb, more) => root.run(`sh ${folder}/machine.sh ${verb} ${folder}`, { what: `machine.sh ${verb}`, ...more }),
      close: connection.close,
    }
  } catch (error) {
    connection.close()
    throw error
  }
}

/** Of what a shell or program says when there is no room left. */
export const saysFull = (text: string): boolean => /no space left|disk quota/i.test(text)

export function noRoom(what: string, { stderr, stdout }: Ran): TaskFailure {
  const said = printable(stderr || stdout) || 'it said nothing'
  return new TaskFailure(saysFull(said) ? 'NoSpaceOnMachine' : 'UploadFailed', `${what}: ${said}`)
}

async function connect(
  { machine, deps, signal, say }: VisitOptions,
  user: string,
  secrets: Parameters<typeof connectSsh>[0]['secrets'],
): Promise<SshConnection> {
  const { ssh, clusterRef } = machine.spec
  if (!ssh) throw new TaskFailure('MachineUnsuitable', `machine ${machine.metadata.name} has no spec.ssh any more`)
  const { host, port = 22, proxy } = ssh
  const through = proxy ? ` through ${proxy.url}` : ''
  say(`connecting to ${serverOf(ssh)}${through}`)
  const dialServer = async () =>
    dial({ host, port, proxy: proxyOf(proxy, deps.credentials, clusterRef), signal, clock: deps.clock, timeoutMs: dialMs })
  const socket = await dialServer().catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof ApiError) throw new TaskFailure('CredentialUnusable', error.message, error)
    if (error instanceof DialError) throw new TaskFailure(error.code, `${error.message}. ${error.next}`, error)
    throw error
  })
  const acceptHostKey = async (fingerprint: string) => {
    const isNew = await pinHostKey(deps.resources, machine, fingerprint)
    say(`host key ${fingerprint}${isNew ? ', remembered from now on' : ''}`)
  }
  const connection = await connectSsh({ socket, user, secrets, acceptHostKey, clock: deps.clock, signal })
  say(`logged in as ${user}`)
  return connection
}
