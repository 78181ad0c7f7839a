// npm start: a hub and an agent on this machine, until Ctrl-C. Everything it leaves is in the data directory.
import { existsSync } from 'node:fs'
import { delimiter, join, relative } from 'node:path'
import { OperatorError } from '#shared/errors/api-error.ts'
import { ensureWeb } from '#scripts/build/web.ts'
import { kubectlPath } from './kubectl.ts'
import { paint } from './paint.ts'
import { createJoinToken, startAgent } from './start/agent.ts'
import { type Child, startChild, stopChild } from './start/children.ts'
import { startHub, type RunningHub } from './start/hub.ts'
import { readOptions, type StartOptions, startHelp } from './start/options.ts'
import { showPreflight } from './start/preflight-view.ts'

const stopLimitMs = 15_000
const addMachineSeconds = 86_400

const print = (line: string) => void process.stdout.write(`${line}\n`)
const children: Child[] = []
const background: Child[] = []
let stopping: Promise<void> | undefined

/** Agent first, so that its last events still find the hub; the hub takes its NATS server with it. */
function stopAll(): Promise<void> {
  stopping ??= (async () => {
    for (const child of background) await stopChild(child, stopLimitMs)
    for (const child of children.toReversed()) {
      if (child.isRunning()) print(paint.dim(`stopping the ${child.name} …`))
      await stopChild(child, stopLimitMs)
    }
  })()
  return stopping
}

async function run(options: StartOptions): Promise<void> {
  const startedMs = Date.now()
  await ensureWeb(print)
  print(`starting the hub on ${options.listen}, data in ${options.dataDir} …`)
  const hub = await startHub(options, (child) => children.push(child))
  if (options.hasAgent && !stopping) {
    print('starting the agent on this machine …')
    const agent = await startAgent(hub.api, options, (child) => children.push(child))
    print(`${agent.machineName} is connected`)
    await showPreflight(hub.api, agent.machineName, print, startedMs)
  }
  if (stopping) return
  await printWhatNext(hub)
  buildAgentBinary(options)
  await Promise.race(children.map(async (child) => fail(child, await child.ended)))
}

function fail(child: Child, how: string): void {
  if (stopping) return
  throw new OperatorError(
    'ChildEnded',
    `The ${child.name} ${how}. Its last words:\n${child.lastWords()}`,
    'Correct what it names, then start again; the state is kept.',
  )
}

/** Other machines download the agent from this hub; making it takes a minute, so that nobody waits for it here. */
function buildAgentBinary(options: StartOptions): void {
  const builder = startChild('build of the agent binary', 'scripts/build/all.ts', ['agent', '--quick'], {
    logFile: join(options.dataDir, 'build.log'),
  })
  background.push(builder)
  void builder.ended.then((how) => {
    if (stopping) return
    if (builder.process.exitCode === 0) print(paint.dim('The agent binary that other machines download is ready.'))
    else print(`The agent binary for other machines could not be built (${how}):\n${builder.lastWords()}\nnext: npm run build -- agent`)
  })
}

/** The one in PATH, or else the one that comes with the development packages. */
async function kubectlName(): Promise<string> {
  const isInPath = (process.env['PATH'] ?? '').split(delimiter).some((folder) => folder && existsSync(join(folder, 'kubectl')))
  return isInPath ? 'kubectl' : relative(process.cwd(), await kubectlPath())
}

async function printWhatNext({ api, kubeconfig }: RunningHub): Promise<void> {
  const { path } = await api.post<{ path: string }>('/auth/login-links', {})
  const token = await createJoinToken(api, 'add-machine-', { uses: 1, ttlSeconds: addMachineSeconds })
  print('')
  print(paint.bold('Moorline is running.'))
  print(`  Dashboard (link works once)   ${paint.cyan(new URL(path, api.url).href)}`)
  print(`  Admin kubeconfig              ${kubeconfig}`)
  print(`                                ${await kubectlName()} --kubeconfig ${kubeconfig} get machines,tasks -o wide`)
  print(`  Add a machine (as root, 24 h) ${token.status?.installCommand ?? ''}`)
  print('')
  print('Ctrl-C stops it; npm start finds the state again.')
}

async function main(): Promise<number> {
  // Ctrl-C arrives once from the terminal and once from npm: the first one counts.
  const onSignal = () => {
    if (stopping) return
    print('')
    void stopAll().then(() => process.exit(0))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  // Whoever read our output went away (a closed terminal, a pipe): that is a stop too.
  process.stdout.on('error', () => void stopAll().then(() => process.exit(0)))
  const options = readOptions(process.argv.slice(2), process.env)
  if (options === 'help') {
    print(startHelp)
    return 0
  }
  await run(options)
  return 0
}

const code = await main().catch(async (error: unknown) => {
  // Once a stop was asked for, what fails is only the work that the stop interrupted.
  if (stopping) return 0
  if (error instanceof OperatorError) process.stderr.write(`\n${error.message}\nnext: ${error.next}\n`)
  else process.stderr.write(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n${causeOf(error)}`)
  return 1
})
await stopAll()
process.exit(code)

function causeOf(error: unknown): string {
  return error instanceof Error && error.cause ? `cause: ${error.cause instanceof Error ? error.cause.message : String(error.cause)}\n` : ''
}
