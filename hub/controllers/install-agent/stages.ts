// The installation as a list of stages, each safe to repeat. What each one needs of those before it is in `Work`.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { PassThrough, type Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { type HubRun, TaskFailure } from '#hub/controllers/task/performed/types.ts'
import type { Ran } from '#hub/ssh/command.ts'
import { printable } from '#hub/ssh/failure.ts'
import { answersOf } from './answers.ts'
import { forgetIdentity, hasIdentityOf, untilConnected } from './identity.ts'
import { createJoinToken, endJoinToken } from './join-token.ts'
import { openAgentProxy } from './secrets.ts'
import type { AgentBinary, InstallAgentDeps } from './types.ts'
import { noRoom, openVisit, saysFull, type Visit } from './visit.ts'

export interface Work {
  task: Task
  machine: Machine
  deps: InstallAgentDeps
  run: HubRun
  say(text: string): void
  hide(secret: string | undefined): void
  /** Text without what is hidden. */
  redact(text: string): string
  visit?: Visit
  /** Through which the agent dials; with its password. */
  agentProxy?: string
  /** The agent is there already: an earlier life of this hub had come so far. */
  isInstalled?: boolean
}
type Stage = { title: string; percent: number; run(work: Work, visit: Visit): Promise<void>; isSkipped?(work: Work): boolean }

const shortMs = 60_000
const uploadMs = 600_000
const installMs = 300_000
const connectMs = 90_000
/** machine.sh puts everything back in this time after its standard input has ended. */
const undoMs = 60_000

export const stages: readonly Stage[] = [
  { title: 'looking for what an earlier attempt left', percent: 10, run: settle },
  { title: 'bringing the agent', percent: 15, run: bring, isSkipped: (work) => work.isInstalled === true },
  { title: 'installing the agent', percent: 60, run: install, isSkipped: (work) => work.isInstalled === true },
  { title: 'waiting for the agent to connect', percent: 85, run: connect },
  { title: 'tidying up', percent: 95, run: finish },
]

/** Opens the visit, then one stage after the other. */
export async function runStages(work: Work): Promise<void> {
  const { run, say } = work
  await run.progress(2, 'reaching the SSH server')
  work.visit = await openVisit({ ...work, signal: run.signal })
  for (const stage of stages) {
    run.signal.throwIfAborted()
    if (stage.isSkipped?.(work)) continue
    await run.progress(stage.percent, stage.title)
    say(stage.title)
    await stage.run(work, work.visit)
  }
}

async function settle(work: Work, visit: Visit): Promise<void> {
  const { deps, task, machine, run, say } = work
  const settled = await visit.machine('settle', { timeoutMs: undoMs, signal: run.signal })
  const found = answersOf(settled.stdout).get('found')?.[0]
  const isOurs = hasIdentityOf(deps.resources.get<Machine>('Machine', machine.metadata.name), task)
  if (settled.code !== 0 || found === undefined)
    throw new TaskFailure('UndoFailed', `what an earlier attempt left could not be removed: ${printable(settled.stderr)}`)
  if ((found === 'done' || found === 'agent') && isOurs) {
    work.isInstalled = true
    return say('an earlier attempt has installed the agent')
  }
  if (found === 'agent')
    throw new TaskFailure(
      'AgentPresent',
      'there is an agent on the machine already, which was not touched; run `sh install.sh --uninstall` there if it is to be replaced',
    )
  if (found === 'undone') say('what an earlier attempt left was removed')
  if (found === 'done') {
    await visit.machine('undo', { timeoutMs: undoMs, signal: run.signal })
    visit.close()
    say('what an earlier attempt left was removed')
    work.visit = undefined
    work.visit = await openVisit({ ...work, signal: run.signal })
  }
  await forgetIdentity(deps.resources, task)
}

async function bring(work: Work, visit: Visit): Promise<void> {
  const { deps, run, say, task, machine } = work
  const proxy = openAgentProxy(machine, deps.credentials)
  for (const secret of proxy?.secrets ?? []) work.hide(secret)
  if (proxy) work.agentProxy = proxy.url
  const name = `moorline-agent-linux-${visit.probe.architecture}`
  const binary = (await deps.binaries()).find((one) => one.name === name)
  const path = deps.binaryPath(name)
  if (!binary || !path)
    throw new TaskFailure('NoAgentBinary', `this hub has no agent for ${visit.probe.architecture}; run \`npm run build\` beside it`)
  const { size } = await stat(path)
  checkRoom(visit, size)
  await upload(visit, 'install.sh', await deps.installScript(), run)
  await uploadBinary(visit, path, size, run)
  await checkDigest(visit, binary, run)
  say(`brought ${name}, ${Math.ceil(size / 1024 / 1024)} MiB, sha256 ${binary.sha256}`)
  const token = await createJoinToken(deps.resources, task, machine)
  work.hide(token)
  await upload(visit, 'token', `${token}\n`, run)
}

function checkRoom({ probe, folder }: Visit, sizeBytes: number): void {
  const needKib = Math.ceil(sizeBytes / 1024) + 4_096
  const place = probe.places.find(({ path }) => folder.startsWith(`${path}/`))
  for (const [where, freeKib] of [
    [place?.path ?? folder, place?.freeKib],
    ['/usr/local/bin', probe.freeKib],
  ] as const)
    if (freeKib !== undefined && freeKib < needKib)
      throw new TaskFailure('NoSpaceOnMachine', `${where} has ${freeKib} KiB free, the agent needs ${needKib} KiB`)
}

async function upload({ connection, folder }: Visit, file: string, text: string, { signal }: HubRun): Promise<void> {
  const ran = await connection.run(`cat >${folder}/${file}`, { what: `the upload of ${file}`, stdin: text, timeoutMs: shortMs, signal })
  if (ran.code !== 0) throw noRoom(`${file} could not be written`, ran)
}

async function uploadBinary({ connection, folder, probe }: Visit, path: string, size: number, run: HubRun): Promise<void> {
  const source = createReadStream(path, { highWaterMark: 256 * 1024 })
  let read = 0
  let told = 0
  source.on('data', (chunk) => {
    read += chunk.length
    const percent = 15 + Math.floor((read / size) * 45)
    if (percent >= told + 5) {
      told = percent
      run.progress(percent, `bringing the agent: ${Math.floor(read / 1024 / 1024)} of ${Math.ceil(size / 1024 / 1024)} MiB`).catch(() => {
        // The next one tells it; what cannot be written at all fails the attempt at its end.
      })
    }
  })
  // Half the bytes for little of the processor.
  const input: Readable = probe.hasGzip ? createGzip({ level: 1 }) : new PassThrough()
  const command = probe.hasGzip ? `gzip -dc >${folder}/agent` : `cat >${folder}/agent`
  const piped = pipeline(source, input as PassThrough).catch((error: unknown) => input.destroy(error as Error))
  let ran: Ran
  try {
    ran = await connection.run(command, { what: 'the upload of the agent', input, timeoutMs: uploadMs, signal: run.signal })
  } finally {
    source.destroy()
    await piped
  }
  if (ran.code !== 0) throw noRoom('the agent could not be written', ran)
}

async function checkDigest({ connection, folder }: Visit, { sha256 }: AgentBinary, { signal }: HubRun): Promise<void> {
  const ran = await connection.run(`sha256sum ${folder}/agent`, { what: 'the digest of the agent', timeoutMs: shortMs, signal })
  if (ran.stdout.trim().split(/\s+/)[0] !== sha256)
    throw new TaskFailure('UploadFailed', `the agent did not arrive as it was sent: ${printable(ran.stdout + ran.stderr, 128)}`)
}

async function install({ run, agentProxy = '' }: Work, visit: Visit): Promise<void> {
  let last = ''
  const ran = await visit.machine('install', {
    timeoutMs: installMs,
    signal: run.signal,
    // Not a file: it may hold a password, and only the agent's own configuration is for that.
    stdin: `${agentProxy}\n`,
    isInputHeld: true,
    graceMs: undoMs,
    onLine(stream, line) {
      if (stream === 'stderr' && line.trim() !== '') last = line
      run.line(stream, line)
    },
  })
  if (ran.code === 0) return
  if (ran.code === 73) throw new TaskFailure('AgentPresent', printable(last))
  throw new TaskFailure(
    saysFull(ran.stderr) ? 'NoSpaceOnMachine' : 'InstallFailed',
    printable(last) || `install.sh ended with exit code ${ran.code}`,
  )
}

async function connect({ deps, machine, run }: Work): Promise<void> {
  await untilConnected(deps, machine.metadata.name, connectMs, run.signal)
}

async function finish({ deps, task, run }: Work, visit: Visit): Promise<void> {
  await endJoinToken(deps.resources, task)
  // Whether the agent is installed does not hang on its last folder any more.
  await visit.machine('finish', { timeoutMs: shortMs, signal: run.signal })
}
