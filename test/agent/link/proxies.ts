// microsocks and tinyproxy as they are on machines, each with a user name and a password.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { freePort } from '#test/helpers/ports.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { createConnection } from 'node:net'
import { once } from 'node:events'

export const credentials = { username: 'moor', password: 'l:ne@1' }
const tinyproxyPassword = 'line1'

export interface RunningProxy {
  host: string
  port: number
  username: string
  password: string
  /** What it has logged: which targets it was asked for. */
  log(): string
}

export async function startMicrosocks(t: ExecutionContext): Promise<RunningProxy> {
  const port = await freePort()
  const args = ['-i', '127.0.0.1', '-p', String(port), '-u', credentials.username, '-P', credentials.password]
  const program = await startProgram(t, 'microsocks', args)
  await answers(port)
  return { host: '127.0.0.1', port, ...credentials, log: () => program.stderr() + program.stdout() }
}

export async function startTinyproxy(t: ExecutionContext): Promise<RunningProxy> {
  const port = await freePort()
  const path = join(await tempDir(t), 'tinyproxy.conf')
  const lines = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 600',
    'LogLevel Connect',
    'MaxClients 50',
    `BasicAuth ${credentials.username} ${tinyproxyPassword}`,
  ]
  await writeFile(path, `${lines.join('\n')}\n`)
  const program = await startProgram(t, 'tinyproxy', ['-d', '-c', path])
  await answers(port)
  return {
    host: '127.0.0.1',
    port,
    username: credentials.username,
    password: tinyproxyPassword,
    log: () => program.stdout() + program.stderr(),
  }
}

function answers(port: number): Promise<unknown> {
  return until('the proxy to listen', async () => {
    const socket = createConnection({ host: '127.0.0.1', port })
    try {
      await once(socket, 'connect')
      return true
    } finally {
      socket.destroy()
    }
  })
}
