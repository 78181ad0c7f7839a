// A hub and agents as processes, work for them whose every effect can be counted, and the ways to kill them.
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ActionName } from '#shared/contract/actions.ts'
import type { Condition } from '#shared/contract/meta.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { type TestAgent, startTestAgent } from '#test/helpers/agent.ts'
import { startTestHub, type TestHub } from '#test/helpers/hub.ts'
import type { Program } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { type Client, kindPath, openClient } from './client.ts'
import { type ConnectProxy, startConnectProxy } from './connect-proxy.ts'
import { type GivenTask, type History, startHistory } from './history.ts'
import { createOwner } from './owner.ts'

export interface FleetAgent {
  /** What an exec of this agent finds in $WHO. */
  who: string
  stateDir: string
  /** Where its tasks write. */
  workDir: string
  /** A line `<task uid>.<attempt> <who>` for each run of an exec. */
  counter: string
  machine: Machine
  agent: TestAgent
  /** Starts it, with failpoints if named. */
  start(failpoints?: string): Promise<void>
}

export interface Fleet {
  directory: string
  dataDir: string
  hub: TestHub
  agents: FleetAgent[]
  history: History
  proxy: ConnectProxy
  /** Every process of the hub and the agents that has ever been started: their logs. */
  programs: Program[]
  /** Values that may be nowhere but where `secrets.ts` allows them. */
  secrets: Map<string, string>
  client(): Client
  startHub(env?: NodeJS.ProcessEnv): Promise<void>
  /** exec and file for each machine, one after the other, until `enough` says so; at least one round. */
  work(enough?: () => boolean): Promise<GivenTask[]>
  machine(agent: FleetAgent): Promise<Machine>
  close(): Promise<void>
}

export interface FleetOptions {
  agents?: number
  allowedActions?: readonly ActionName[]
  /** More of every agent's policy. */
  policy?: object
  hubArgs?: readonly string[]
  hubEnv?: NodeJS.ProcessEnv
  /** Trees to run hub and agents from instead of the repository. */
  hubRoot?: string
  agentRoot?: string
}

export const linesPerExec = 20

// Counts first: what is counted has happened, whatever is killed after it.
const script = `echo "$MOORLINE_TASK $WHO" >> "$1"; i=1; while [ $i -le ${linesPerExec} ]; do echo "line $i"; i=$((i+1)); done; sleep 0.05`

export function conditionOf(machine: Machine | undefined, type: string): Condition | undefined {
  return machine?.status?.conditions?.find((condition) => condition.type === type)
}

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const owner = createOwner()
  try {
    return await build(owner, options)
  } catch (error) {
    await owner.close()
    throw error
  }
}

async function build(owner: ReturnType<typeof createOwner>, options: FleetOptions): Promise<Fleet> {
  const directory = await mkdtemp(join(tmpdir(), 'moorline-faults-'))
  owner.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }))
  const dataDir = join(directory, 'hub')
  const programs: Program[] = []
  const secrets = new Map<string, string>()
  const hub = await startTestHub(owner, {
    dataDir,
    args: options.hubArgs,
    root: options.hubRoot,
    env: { MOORLINE_LOG_LEVEL: 'debug', ...options.hubEnv },
  })
  programs.push(hub.program())
  let client = await openClient(hub.kubeconfig)
  secrets.set('admin token', client.token)
  const canary = `canary-${randomBytes(12).toString('hex')}`
  secrets.set('proxy password', canary)
  const proxy = await startConnectProxy(owner, canary)
  const history = startHistory(() => client)
  owner.teardown(() => history.stop())
  const agents: FleetAgent[] = []

  for (let index = 0; index < (options.agents ?? 2); index++) {
    const who = `agent-${index}`
    const stateDir = join(directory, who)
    const workDir = join(directory, `${who}-work`)
    for (const path of [stateDir, workDir]) await mkdir(path, { mode: 0o700 })
    const policy = { allowedActions: options.allowedActions ?? ['exec', 'file'], ...options.policy }
    await writeFile(join(stateDir, 'policy.json'), JSON.stringify(policy), { mode: 0o600 })
    // Every second one goes out through a proxy that wants a password.
    const env: NodeJS.ProcessEnv = { WHO: who, MOORLINE_LOG_LEVEL: 'debug', NO_PROXY: '', no_proxy: '' }
    if (index % 2 === 1) env.MOORLINE_PROXY = proxy.url
    const agent = await startTestAgent(owner, recordTokens(hub, secrets), { stateDir, env, root: options.agentRoot })
    programs.push(agent.program())
    agents.push({
      who,
      stateDir,
      workDir,
      counter: join(workDir, 'counter'),
      machine: agent.machine,
      agent,
      async start(failpoints) {
        await agent.start(failpoints ? { MOORLINE_FAILPOINTS: failpoints } : {})
        programs.push(agent.program())
      },
    })
  }

  let serial = 0
  async function giveOne(agent: FleetAgent, action: 'exec' | 'file'): Promise<GivenTask> {
    const name = `work-${String(++serial).padStart(4, '0')}-${action}`
    const path = action === 'exec' ? agent.counter : join(agent.workDir, name)
    const input =
      action === 'exec' ? { command: ['sh', '-c', script, 'sh', path] } : { path, content: `content of ${name}\n`, mode: '0640' }
    const body = {
      apiVersion: 'moorline.dev/v1alpha1',
      kind: 'Task',
      metadata: { name },
      spec: { machine: agent.machine.metadata.name, action, input },
    }
    return history.give({ name, action, machine: agent.machine.metadata.name, body, path, lines: action === 'exec' ? linesPerExec : 0 })
  }

  return {
    directory,
    dataDir,
    hub,
    agents,
    history,
    proxy,
    programs,
    secrets,
    client: () => client,
    async startHub(env) {
      const before = hub.program()
      try {
        await hub.start(env)
      } finally {
        // Also one that a failpoint killed before it was ready: it has written a log.
        if (hub.program() !== before) programs.push(hub.program())
      }
      client.close()
      client = await openClient(hub.kubeconfig)
    },
    async work(enough = () => true) {
      const given: GivenTask[] = []
      const end = performance.now() + 60_000
      do {
        for (const agent of agents) for (const action of ['exec', 'file'] as const) given.push(await giveOne(agent, action))
        if (performance.now() > end) throw new Error('nothing happened in 60 s of work')
      } while (!enough())
      return given
    },
    async machine(agent) {
      return (await client.ask('GET', `${kindPath}/machines/${agent.machine.metadata.name}`)).json<Machine>()
    },
    async close() {
      client.close()
      await owner.close()
    },
  }
}

/** The hub's API, with every join token that it hands out written down as a secret. */
function recordTokens(hub: TestHub, secrets: Map<string, string>): TestHub {
  return {
    ...hub,
    get api() {
      return {
        ...hub.api,
        async post<T>(path: string, body: unknown): Promise<T> {
          const answer = await hub.api.post<T>(path, body)
          const { metadata, status } = answer as { metadata: { name: string }; status?: { token?: string } }
          if (status?.token) secrets.set(`token of ${metadata.name}`, status.token)
          return answer
        },
      }
    },
  }
}

/** The pid of the nats-server that the hub runs now. */
export async function natsPid(fleet: Pick<Fleet, 'dataDir'>): Promise<number> {
  return until('the pid of nats-server', async () => Number(await readFile(join(fleet.dataDir, 'nats/server.pid'), 'utf8')))
}
