// What the tests of the whole system share: a hub, an unmodified kubectl as its admin, and agents that join with the program itself.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JoinToken, JoinTokenSpec } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion, type Condition } from '#shared/contract/meta.ts'
import type { Task } from '#shared/contract/task.ts'
import { type Client, openClient } from '#test/faults/client.ts'
import type { Owner } from '#test/faults/owner.ts'
import { type ExecClient, type ExecOptions, openExec } from '#test/helpers/exec-client.ts'
import { pinsOf } from '#test/helpers/agent.ts'
import { startTestHub, type TestHub } from '#test/helpers/hub.ts'
import { kubectl, kubectlPath, type KubectlResult } from '#test/helpers/kubectl.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'

export interface Site {
  directory: string
  hub: TestHub
  client(): Client
  /** kubectl as admin; rejects when it ends with another code than 0. */
  kubectl(...args: string[]): Promise<string>
  /** The same, whatever the code. */
  tryKubectl(args: readonly string[], stdin?: string): Promise<KubectlResult>
  /** `kubectl apply -f -`; rejects when it was refused. */
  apply(...objects: object[]): Promise<string>
  /** A kubectl that goes on, for `--watch`. */
  startKubectl(...args: string[]): Promise<Program>
  machine(name: string): Promise<Machine>
  task(name: string): Promise<Task>
  finished(name: string, timeoutMs?: number): Promise<Task>
  /** Created with kubectl, because only the answer to create has the secret. */
  joinToken(spec: JoinTokenSpec): Promise<JoinToken>
  /** A program or a shell on a machine, as admin. */
  exec(machine: string, options?: Partial<ExecOptions>): Promise<ExecClient>
}

export interface SiteOptions {
  /** Where the hub listens; a free port of 127.0.0.1 unless given. */
  listen?: { host: string; port: number }
  hubArgs?: readonly string[]
  hubEnv?: NodeJS.ProcessEnv
}

export async function startSite(owner: Owner, options: SiteOptions = {}): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), 'moorline-site-'))
  owner.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }))
  const hub = await startTestHub(owner, { ...options.listen, dataDir: join(directory, 'hub'), args: options.hubArgs, env: options.hubEnv })
  const client = await openClient(hub.kubeconfig)
  owner.teardown(async () => client.close())
  const tryKubectl = (args: readonly string[], stdin?: string) => kubectl(hub.kubeconfig, args, { stdin })
  const strict = async (args: readonly string[], stdin?: string) => {
    const { code, stdout, stderr } = await tryKubectl(args, stdin)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
    return stdout
  }
  const get = async <T>(plural: string, name: string) => JSON.parse(await strict(['get', plural, name, '-o', 'json'])) as T
  return {
    directory,
    hub,
    client: () => client,
    exec: (machine, execOptions) => openExec({ url: hub.url, ca: client.ca.toString(), machine, token: client.token, ...execOptions }),
    tryKubectl,
    kubectl: (...args) => strict(args),
    apply: (...objects) => strict(['apply', '-f', '-'], list(objects)),
    startKubectl: async (...args) =>
      startProgram(owner, await kubectlPath(), ['--kubeconfig', hub.kubeconfig, '--cache-dir', `${hub.kubeconfig}.cache`, ...args]),
    machine: (name) => get('machines', name),
    task: (name) => get('tasks', name),
    finished: (name, timeoutMs = 30_000) =>
      until(
        `task ${name} to end`,
        async () => {
          const task = (await client.ask('GET', `/apis/${apiVersion}/tasks/${name}`)).json<Task>()
          return conditionOf(task, 'Finished')?.status === 'True' ? task : undefined
        },
        { timeoutMs },
      ),
    joinToken: async (spec) =>
      JSON.parse(
        await strict(
          ['create', '-f', '-', '-o', 'json'],
          list([{ apiVersion, kind: 'JoinToken', metadata: { generateName: 'site-' }, spec }]),
        ),
      ) as JoinToken,
  }
}

export function list(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n')
}

export function taskObject(name: string, spec: Task['spec']): Task {
  return { apiVersion, kind: 'Task', metadata: { name }, spec }
}

export function conditionOf(object: { status?: { conditions?: Condition[] } } | undefined, type: string): Condition | undefined {
  return object?.status?.conditions?.find((condition) => condition.type === type)
}

export const agentProgram = join(repositoryRoot, 'agent/main.ts')

export interface JoinOptions {
  stateDir: string
  args?: readonly string[]
  env?: NodeJS.ProcessEnv
}

/** `moorline-agent enroll` as a process: what the install script runs, with what the token's answer shows. */
export async function startEnroll(owner: Owner, listen: string, token: JoinToken, options: JoinOptions): Promise<Program> {
  const pins = pinsOf(token).flatMap((pin) => ['--pin', pin])
  const args = [agentProgram, 'enroll', '--hub', listen, '--token', '-', '--state-dir', options.stateDir, ...pins, ...(options.args ?? [])]
  const program = await startProgram(owner, process.execPath, args, { env: { ...process.env, ...options.env }, stdin: 'pipe' })
  program.child.stdin?.end(`${token.status?.token ?? ''}\n`)
  return program
}

export async function startRun(owner: Owner, options: JoinOptions): Promise<Program> {
  const args = [agentProgram, 'run', '--state-dir', options.stateDir, ...(options.args ?? [])]
  return startProgram(owner, process.execPath, args, { env: { ...process.env, ...options.env } })
}

/** Any other command of the agent, to its end. */
export async function agentCommand(owner: Owner, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = await startProgram(owner, process.execPath, [agentProgram, ...args])
  const { code } = await program.exited
  return { code, stdout: program.stdout(), stderr: program.stderr() }
}
