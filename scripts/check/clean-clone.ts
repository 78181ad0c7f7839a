// What a newcomer does, in a fresh clone: npm start, look with kubectl, Ctrl-C, start again. Each step is counted.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { runCommand } from '#scripts/dev/command.ts'
import { kubectlPath } from '#scripts/dev/kubectl.ts'
import { pollUntil } from '#scripts/dev/poll.ts'

const installLimitMs = 600_000
const startLimitMs = 180_000
const stopLimitMs = 45_000
const port = 18_443

const folder = await mkdtemp(join(tmpdir(), 'moorline-clone-'))
const clone = join(folder, 'moorline')
const kubeconfig = join(clone, '.moorline/admin.kubeconfig')
let passed = 0
let failed = 0

async function step(name: string, run: () => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  try {
    if (failed > 0) throw new Error('not tried, because an earlier step failed')
    await run()
    passed++
    console.log(`✔ ${name} ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  } catch (error) {
    failed++
    console.log(
      `✖ ${name}: ${error instanceof Error ? error.message : String(error)}${error instanceof Error && error.cause ? ` (${String(error.cause)})` : ''}`,
    )
  }
}

const environment = (): NodeJS.ProcessEnv => {
  // As in a new terminal: nothing that this run's own npm put into the environment.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && !name.startsWith('MOORLINE_') && name !== 'NODE')
  const path = (process.env['PATH'] ?? '').split(':').filter((part) => !part.includes('node_modules'))
  return { ...Object.fromEntries(own), PATH: path.join(':') }
}

let running: { child: ChildProcess; output: () => string; exited: Promise<number | null> } | undefined

function start(): void {
  const child = spawn('npm', ['start', '--', '--listen', `127.0.0.1:${port}`], {
    cwd: clone,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (text += part))
  running = { child, output: () => text, exited: new Promise((resolve) => child.once('close', resolve)) }
}

function current() {
  if (!running) throw new Error('npm start was not run')
  return running
}

const waitUntilUp = (limitMs: number) =>
  pollUntil('npm start to say that it runs', limitMs, () => {
    const { child, output } = current()
    if (child.exitCode !== null) throw new OperatorError('StartEnded', `npm start ended with ${child.exitCode}`, 'Read its output.')
    return output().includes('Moorline is running.')
  }).catch((error: Error) => Promise.reject(new Error(`${error.message}; its output:\n${current().output()}`, { cause: error.cause })))

async function kubectl(...args: string[]): Promise<string> {
  return runCommand(await kubectlPath(), ['--kubeconfig', kubeconfig, '--cache-dir', join(folder, 'kube-cache'), ...args])
}

const getJson = async <T>(...args: string[]) => (JSON.parse(await kubectl('get', ...args, '-o', 'json')) as { items: T[] }).items

/** Ctrl-C on a terminal reaches every process of its foreground group, `kill` only the one that is named. */
async function stopBy(signal: NodeJS.Signals): Promise<void> {
  const { child, exited, output } = current()
  const { pid } = child
  if (pid === undefined) throw new Error('npm could not be started')
  process.kill(signal === 'SIGINT' ? -pid : pid, signal)
  const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), stopLimitMs)
  await exited
  clearTimeout(timer)
  if (child.signalCode === 'SIGKILL') throw new Error(`npm start did not stop in ${stopLimitMs / 1000} s:\n${output()}`)
  await pollUntil('all processes to be gone', 5_000, async () => {
    const left = await processesOf(clone)
    if (left.length > 0) throw new Error(left.join('; '))
    return true
  })
  if (await isOpen(port)) throw new Error(`port ${port} is still open`)
}

/** Processes that run in `path` or name it in their command line. */
async function processesOf(path: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    // A process can end while it is looked at.
    const gone = () => ''
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(gone)).replaceAll('\0', ' ')
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(gone)
    if (command.includes(path) || cwd.startsWith(path)) found.push(`${pid} ${command}`)
  }
  return found
}

function isOpen(portNumber: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(portNumber, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

let firstUid: string | undefined
try {
  await step('a fresh clone', async () => void (await runCommand('git', ['clone', '--quiet', '.', clone])))
  await step('npm start sets everything up and runs', async () => {
    start()
    await waitUntilUp(installLimitMs)
  })
  await step('kubectl sees the machine connected and its preflight finished', async () => {
    await kubectl('wait', '--for=condition=Connected', 'machines', '--all', '--timeout=30s')
    const [machine, ...others] = await getJson<Machine>('machines')
    if (!machine || others.length > 0) throw new Error(`${others.length + (machine ? 1 : 0)} machines instead of one`)
    firstUid = machine.metadata.uid
    const preflight = (await getJson<Task>('tasks')).find(({ spec }) => spec.action === 'preflight')
    if (preflight?.status?.state !== 'Succeeded') throw new Error(`the preflight is ${preflight?.status?.state ?? 'missing'}`)
    console.log(await kubectl('get', 'machines,tasks', '-o', 'wide'))
  })
  await step('the terminal shows link, kubeconfig and the command for another machine', async () => {
    const output = current().output()
    for (const part of [
      /Dashboard.*https:\/\/127\.0\.0\.1:18443\//,
      /Admin kubeconfig.*admin\.kubeconfig/,
      /Add a machine.*install\.sh/,
      /Preflight of .*passed/,
    ]) {
      if (!part.test(output)) throw new Error(`${part} is not in:\n${output}`)
    }
  })
  await step('Ctrl-C stops everything', () => stopBy('SIGINT'))
  await step('npm start finds its state again', async () => {
    start()
    await waitUntilUp(startLimitMs)
    const machines = await getJson<Machine>('machines')
    if (machines.length !== 1 || machines[0]?.metadata.uid !== firstUid) throw new Error('the machine is not the one from before')
  })
  await step('SIGTERM stops everything', () => stopBy('SIGTERM'))
} finally {
  if (running && running.child.exitCode === null && running.child.signalCode === null && running.child.pid)
    process.kill(-running.child.pid, 'SIGKILL')
  await rm(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
