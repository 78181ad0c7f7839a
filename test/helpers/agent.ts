// The real agent as its own process with a temporary state directory.
import { type Program, startProgram } from './processes.ts'
import { repositoryRoot } from './paths.ts'
import type { TestHub } from './hub.ts'
import { tryCommand } from '#scripts/dev/command.ts'
import { createJoinToken } from '#scripts/dev/start/agent.ts'
import type { JoinToken, JoinTokenSpec } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { until } from './until.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface TestAgent {
  stateDir: string
  machine: Machine
  program(): Program
  stop(): Promise<void>
  /** kill -9 */
  kill(): Promise<void>
  start(env?: NodeJS.ProcessEnv): Promise<void>
}

export interface TestAgentOptions {
  stateDir: string
  token?: JoinTokenSpec
  /** Further arguments of `enroll`, for example a proxy. */
  enrollArgs?: readonly string[]
  runArgs?: readonly string[]
  env?: NodeJS.ProcessEnv
  /** Another tree to run agent/main.ts from; the repository unless given. */
  root?: string
}

export function pinsOf(token: JoinToken): string[] {
  return [...(token.status?.installCommand ?? '').matchAll(/--pin[ =]'?([^\s']+)/g)].map((match) => match[1] ?? '')
}

/** Joins with an automatically approved token, runs, and waits until its Machine is Connected. */
export async function startTestAgent(t: Owner, hub: TestHub, options: TestAgentOptions): Promise<TestAgent> {
  const env = { ...process.env, ...options.env }
  const token = await createJoinToken(hub.api, 'test-', { uses: 1, approval: 'Automatic', ...options.token })
  const pins = pinsOf(token).flatMap((pin) => ['--pin', pin])
  const args = [
    'agent/main.ts',
    'enroll',
    '--hub',
    hub.listen,
    '--token',
    '-',
    '--state-dir',
    options.stateDir,
    ...pins,
    ...(options.enrollArgs ?? []),
  ]
  const enrolled = await tryCommand(process.execPath, args, { env, stdin: `${token.status?.token ?? ''}\n` })
  if (enrolled.code !== 0) throw new Error(`enroll ended with ${enrolled.code}: ${enrolled.stderr}${enrolled.stdout}`)
  let program: Program | undefined
  const current = () => {
    if (!program) throw new Error('the agent has not been started')
    return program
  }
  const find = async () => {
    const { items } = await hub.api.get<{ items: Machine[] }>('/apis/moorline.dev/v1alpha1/machines')
    return items.find((machine) => machine.status?.enrollment?.joinToken === token.metadata.name)
  }
  const start = async (more: NodeJS.ProcessEnv = {}) => {
    const runArgs = ['agent/main.ts', 'run', '--state-dir', options.stateDir, ...(options.runArgs ?? [])]
    program = await startProgram(t, process.execPath, runArgs, {
      cwd: options.root ?? repositoryRoot,
      env: { ...env, ...more },
    })
  }
  await start()
  const machine = await until(
    'the agent to connect',
    async () => {
      if (!current().isRunning()) throw new Error(`the agent ended: ${current().stderr().slice(-4000)}`)
      const found = await find()
      return found?.status?.conditions?.some(({ type, status }) => type === 'Connected' && status === 'True') ? found : undefined
    },
    { timeoutMs: 60_000 },
  )
  return {
    stateDir: options.stateDir,
    machine,
    program: current,
    async stop() {
      await current().stop()
    },
    async kill() {
      current().kill('SIGKILL')
      await current().exited
    },
    start,
  }
}
