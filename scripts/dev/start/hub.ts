// Starts the hub and waits until it can be used.
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { hubMemory } from '#shared/contract/memory.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { webFolder } from '#scripts/build/web.ts'
import { pollUntil } from '../poll.ts'
import { repositoryRoot } from '../root.ts'
import { type AdminApi, openAdminApi } from './admin-api.ts'
import { type Child, startChild } from './children.ts'
import type { StartOptions } from './options.ts'

const startLimitMs = 60_000

export interface RunningHub {
  child: Child
  api: AdminApi
  kubeconfig: string
}

/** Throws OperatorError when the port is taken or the hub ends before it is ready. `onChild` is called as soon as there is a process to stop. */
export async function startHub(options: StartOptions, onChild: (child: Child) => void): Promise<RunningHub> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  await assertPortIsFree(options)
  const logFile = join(options.dataDir, 'hub.log')
  let isReady = false
  const args = [
    '--listen',
    options.listen,
    '--data',
    options.dataDir,
    '--web-dir',
    webFolder,
    '--artifacts-dir',
    join(repositoryRoot, 'dist'),
  ]
  if (options.agentUrl) args.push('--agent-url', options.agentUrl)
  if (options.agentImage) args.push('--agent-image', options.agentImage)
  if (options.natsUrl) args.push('--nats-url', options.natsUrl)
  const child = startChild('hub', 'hub/main.ts', args, {
    logFile,
    memory: hubMemory,
    onLine(line) {
      if (line.startsWith('{') && (JSON.parse(line) as { event?: string }).event === 'ready') isReady = true
    },
  })
  onChild(child)
  const assertRunning = () => {
    if (child.isRunning()) return
    throw new OperatorError(
      'HubEnded',
      `The hub ended before it was ready. Its last words:\n${child.lastWords()}`,
      `Correct what it names; its whole log is ${logFile}`,
    )
  }
  await pollUntil('the hub to say that it is ready', startLimitMs, () => {
    assertRunning()
    return isReady
  })
  const kubeconfig = join(options.dataDir, 'admin.kubeconfig')
  const api = await openAdminApi(kubeconfig)
  await pollUntil('/readyz', startLimitMs, async () => {
    assertRunning()
    const { status, body } = await api.probe('/readyz?verbose')
    if (status !== 200) throw new Error(body)
    return true
  })
  return { child, api, kubeconfig }
}

function assertPortIsFree({ host, port, listen }: StartOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const next = `Stop what uses it (ss -ltnp 'sport = :${port}' names it), or choose another: npm start -- --listen ${host}:${port + 1}`
      if (error.code === 'EADDRINUSE') reject(new OperatorError('PortTaken', `Port ${port} on ${host} is taken.`, next, error))
      else if (error.code === 'EACCES')
        reject(new OperatorError('PortForbidden', `This user may not listen on ${listen}.`, 'Choose a port above 1023.', error))
      else
        reject(
          new OperatorError(
            'ListenFailed',
            `${listen} cannot be listened on: ${error.message}.`,
            'Choose an address of this machine.',
            error,
          ),
        )
    })
    server.listen(port, host, () => server.close(() => resolve()))
  })
}
