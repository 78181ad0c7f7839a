// The agent on this machine: it joins like any other, with a join token, the pinned hub key and its own key pair.
import { mkdir, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { agentMemory } from '#shared/contract/memory.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { tryCommand } from '../command.ts'
import { pollUntil } from '../poll.ts'
import { type AdminApi, kindPath } from './admin-api.ts'
import { type Child, startChild } from './children.ts'
import type { StartOptions } from './options.ts'

const connectLimitMs = 60_000
const enrollTokenSeconds = 600

export interface RunningAgent {
  child: Child
  machineName: string
}

export async function startAgent(api: AdminApi, options: StartOptions, onChild: (child: Child) => void): Promise<RunningAgent> {
  const stateDir = join(options.dataDir, 'agent')
  const logFile = join(options.dataDir, 'agent.log')
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const known = (await readdir(stateDir)).length > 0 ? await ownMachine(api) : undefined
  if (!known) await enroll(api, options, stateDir)
  const child = startChild('agent', 'agent/main.ts', ['run', '--state-dir', stateDir, '--hub', options.listen], {
    logFile,
    memory: agentMemory,
  })
  onChild(child)
  const machine = await pollUntil('the agent to connect', connectLimitMs, async () => {
    if (!child.isRunning()) {
      throw new OperatorError(
        'AgentEnded',
        `The agent ended. Its last words:\n${child.lastWords()}`,
        `Correct what it names; its whole log is ${logFile}`,
      )
    }
    const found = await ownMachine(api)
    return found?.status?.conditions?.some(({ type, status }) => type === 'Connected' && status === 'True') ? found : undefined
  })
  return { child, machineName: (machine as Machine).metadata.name }
}

/** The Machine that this host asked to be, if it may still be it. */
async function ownMachine(api: AdminApi): Promise<Machine | undefined> {
  const { items } = await api.get<{ items: Machine[] }>(`${kindPath}/machines`)
  return items.find(({ spec, status }) => spec.approved === true && spec.revoked !== true && status?.enrollment?.hostname === hostname())
}

export function createJoinToken(api: AdminApi, generateName: string, spec: JoinToken['spec']): Promise<JoinToken> {
  return api.post<JoinToken>(`${kindPath}/jointokens`, { apiVersion, kind: 'JoinToken', metadata: { generateName }, spec })
}

async function enroll(api: AdminApi, options: StartOptions, stateDir: string): Promise<void> {
  const token = await createJoinToken(api, 'this-machine-', {
    uses: 1,
    ttlSeconds: enrollTokenSeconds,
    approval: 'Automatic',
    match: { hostname: hostname() },
  })
  const pins = [...(token.status?.installCommand ?? '').matchAll(/--pin[ =]'?([^\s']+)/g)].map((match) => match[1] ?? '')
  const secret = token.status?.token
  if (!secret || pins.length === 0) throw new Error('the hub answered a new JoinToken without token and pins')
  // The token goes through standard input: arguments can be read by every user of the machine.
  const args = [
    'agent/main.ts',
    'enroll',
    '--hub',
    options.listen,
    '--token',
    '-',
    '--state-dir',
    stateDir,
    ...pins.flatMap((pin) => ['--pin', pin]),
  ]
  const result = await tryCommand(process.execPath, args, { stdin: `${secret}\n` })
  if (result.code !== 0) {
    throw new OperatorError(
      'EnrollFailed',
      `The agent could not join:\n${(result.stderr || result.stdout).trim()}`,
      'Correct what it names, then start again.',
    )
  }
}
