// The real hub as its own process on a temporary data directory.
import { join } from 'node:path'
import { openAdminApi, type AdminApi } from '#scripts/dev/start/admin-api.ts'
import { freePort } from './ports.ts'
import { type Program, startProgram } from './processes.ts'
import { repositoryRoot } from './paths.ts'
import { until } from './until.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface TestHub {
  url: string
  listen: string
  port: number
  dataDir: string
  kubeconfig: string
  api: AdminApi
  /** The process that runs now; a restart replaces it. */
  program(): Program
  stop(): Promise<void>
  /** kill -9, and waits until the port and the process are gone. */
  kill(): Promise<void>
  /** After stop or kill: again on the same port and data. */
  start(env?: NodeJS.ProcessEnv): Promise<void>
}

export interface TestHubOptions {
  dataDir: string
  /** 127.0.0.1 unless given: an address of the network namespace that the test runs in. */
  host?: string
  port?: number
  args?: readonly string[]
  env?: NodeJS.ProcessEnv
  /** Another tree to run hub/main.ts from; the repository unless given. */
  root?: string
}

/** Starts hub/main.ts and waits until /readyz answers 200. Stopped when the test ends; what it leaves behind fails the test. */
export async function startTestHub(t: Owner, options: TestHubOptions): Promise<TestHub> {
  const port = options.port ?? (await freePort())
  const listen = `${options.host ?? '127.0.0.1'}:${port}`
  const kubeconfig = join(options.dataDir, 'admin.kubeconfig')
  let program: Program | undefined
  let api: AdminApi | undefined
  const current = () => {
    if (!program) throw new Error('the hub has not been started')
    return program
  }
  const start = async (env: NodeJS.ProcessEnv = {}) => {
    const args = ['hub/main.ts', '--listen', listen, '--data', options.dataDir, ...(options.args ?? [])]
    const started = await startProgram(t, process.execPath, args, {
      cwd: options.root ?? repositoryRoot,
      env: { ...process.env, ...options.env, ...env },
    })
    program = started
    await started.line(
      'the ready event',
      (line) => (line.startsWith('{') && (JSON.parse(line) as { event?: string }).event === 'ready' ? line : undefined),
      60_000,
    )
    api = await openAdminApi(kubeconfig)
    await until('/readyz', async () => (await api?.probe('/readyz'))?.status === 200, { timeoutMs: 60_000 })
  }
  await start()
  return {
    url: `https://${listen}`,
    listen,
    port,
    dataDir: options.dataDir,
    kubeconfig,
    get api() {
      if (!api) throw new Error('the hub has not been started')
      return api
    },
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
