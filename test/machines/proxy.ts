// A proxy that asks for a user name and a password, in one of the bed's networks: microsocks or tinyproxy, as sites have them.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import type { Bed } from './bed/bed.ts'
import { proxyPorts } from './bed/network.ts'
import { inNamespace, tryIn } from './bed/shell.ts'

export const proxyKinds = ['SOCKS5', 'HTTP CONNECT'] as const
export type ProxyKind = (typeof proxyKinds)[number]

export interface SiteProxy {
  /** Without user name and password. */
  url: string
  port: number
  username: string
  password: string
}

interface Place {
  /** Of the bed: 'fabric', or a machine. */
  part: string
  address: string
  /** The only port that the HTTP proxy connects to. */
  leadsTo: number
}

const [username, password] = ['site', 'pass-word']

export async function startProxy(owner: Owner, bed: Bed, kind: ProxyKind, { part, address, leadsTo }: Place): Promise<SiteProxy> {
  const port = kind === 'SOCKS5' ? proxyPorts.socks5 : proxyPorts.connect
  const socks = ['microsocks', '-i', address, '-p', String(port), '-u', username, '-P', password]
  const command = kind === 'SOCKS5' ? socks : await tinyproxy(owner, { address, port, leadsTo })
  const [program = '', ...args] = inNamespace(bed, part, command)
  const proxy = await startProgram(owner, program, args)
  await until('the proxy to listen', async () => {
    if (!proxy.isRunning()) throw new Error(proxy.stderr())
    return (await tryIn(bed, part, ['socat', '-u', '/dev/null', `TCP:${address}:${port}`])).code === 0
  })
  return { url: `${kind === 'SOCKS5' ? 'socks5' : 'http'}://${address}:${port}`, ...{ port, username, password } }
}

async function tinyproxy(owner: Owner, { address, port, leadsTo }: { address: string; port: number; leadsTo: number }): Promise<string[]> {
  const config = join(await tempDir(owner), 'tinyproxy.conf')
  const lines = [`Listen ${address}`, `Port ${port}`, `BasicAuth ${username} ${password}`, `ConnectPort ${leadsTo}`, 'LogLevel Warning']
  await writeFile(config, `${lines.join('\n')}\n`)
  return ['tinyproxy', '-d', '-c', config]
}

interface Owner {
  teardown(run: () => Promise<void>): void
}
