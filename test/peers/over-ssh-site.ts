// A hub that hands out the agent, and short ways to have it installed over SSH on machines of the tests.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import type { Task } from '#shared/contract/task.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import type { Owner } from '#test/faults/owner.ts'
import type { SshMachine } from '#test/helpers/ssh/machine.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { agentWrapper } from '#test/hub/api/install/hub.ts'
import { type Site, type SiteOptions, startSite } from '#test/integration/site.ts'

export interface SshSite extends Site {
  /** Name of a new Credential. */
  credential(type: 'Password' | 'SSHKey', data: object): Promise<string>
  /** A Machine that the hub is to install over SSH. */
  add(
    name: string,
    machine: Pick<SshMachine, 'host' | 'port'>,
    ssh: { credentialRef: string; user?: string; port?: number; proxy?: object; agentProxy?: object },
  ): Promise<void>
  get<T>(plural: string, name: string): Promise<T>
  /** The Task that installs, once its attempt has ended. */
  ended(machine: string, attempt?: number): Promise<Task>
  /** The Task that installs, as soon as there is one. */
  installing(machine: string): Promise<Task>
  connected(machine: string): Promise<Machine>
  patch(plural: string, name: string, patch: object): Promise<void>
  log(task: string): Promise<string>
}

export interface SshSiteOptions extends Pick<SiteOptions, 'listen'> {
  /** Folder with the agent that the hub hands out; unless given, one that runs from source. */
  artifacts?: string
}

export async function startSshSite(owner: Owner, { listen, artifacts }: SshSiteOptions = {}): Promise<SshSite> {
  const site = await startSite(owner, { listen, hubArgs: ['--artifacts-dir', artifacts ?? (await agentFromSource(owner))] })
  const base = `/apis/${apiVersion}`
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await site.client().ask(method, `${base}/${path}`, { body, headers })
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer
  }
  const get = async <T>(plural: string, name: string) => (await ask('GET', `${plural}/${name}`)).json<T>()
  const installing = (machine: string) =>
    until('the installation to be there', async () => {
      const task = (await get<Machine>('machines', machine)).status?.ssh?.task
      return task === undefined ? undefined : get<Task>('tasks', task)
    })
  let count = 0
  return {
    ...site,
    get,
    installing,
    async credential(type, data) {
      const name = `credential-${++count}`
      await ask('POST', 'credentials', { apiVersion, kind: 'Credential', metadata: { name }, spec: { type, data } })
      return name
    },
    async add(name, { host, port }, ssh) {
      await ask('POST', 'machines', { apiVersion, kind: 'Machine', metadata: { name }, spec: { ssh: { host, port, ...ssh } } })
    },
    ended: async (machine, attempt = 1) => {
      const { metadata } = await installing(machine)
      return until(
        `attempt ${attempt} of the installation to end`,
        async () => {
          const task = await get<Task>('tasks', metadata.name)
          return task.status?.attempt === attempt && isTerminal(task.status.state) ? task : undefined
        },
        { timeoutMs: 200_000 },
      )
    },
    connected: (name) =>
      until(
        'the machine to be connected',
        async () => {
          const machine = await get<Machine>('machines', name)
          return machine.status?.phase === 'Connected' ? machine : undefined
        },
        { timeoutMs: 60_000 },
      ),
    patch: async (plural, name, patch) =>
      void (await ask('PATCH', `${plural}/${name}`, patch, { 'content-type': 'application/merge-patch+json' })),
    log: async (task) => (await ask('GET', `tasks/${task}/log`)).text,
  }
}

async function agentFromSource(owner: Owner): Promise<string> {
  const folder = await tempDir(owner)
  await writeFile(join(folder, 'moorline-agent-linux-x64'), agentWrapper, { mode: 0o755 })
  return folder
}
