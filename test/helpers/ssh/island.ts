// A network namespace without any way out but two: a TCP port here leads to one inside, and one inside leads to one here. Unix sockets
// know no network namespaces, so a relay on each side is all it takes and no interface is made.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import { startProgram } from '../processes.ts'
import { tempDir } from '../temp-dir.ts'
import { until } from '../until.ts'
import { isOpen } from './reach.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface Island {
  /** For `ip netns exec`. */
  network: string
  /** A port of loopback here that leads to `port` of loopback inside. */
  openIn(port: number): Promise<number>
  /** `port` of loopback inside leads to the same port here. */
  openOut(port: number): Promise<void>
}

export async function startIsland(owner: Owner): Promise<Island> {
  const network = `moorline-${process.pid}-${randomBytes(3).toString('hex')}`
  const folder = await tempDir(owner)
  execFileSync('ip', ['netns', 'add', network])
  owner.teardown(async () => void execFileSync('ip', ['netns', 'del', network]))
  execFileSync('ip', ['-n', network, 'link', 'set', 'lo', 'up'])
  let count = 0
  const relay = (from: string, to: string) => [process.execPath, '-e', relayText, from, to]
  const inside = async (from: string, to: string) => {
    await startProgram(owner, 'ip', ['netns', 'exec', network, ...relay(from, to)])
  }
  const here = async (from: string | number, to: string | number) => {
    const server = createServer((socket) => {
      const other = typeof to === 'number' ? createConnection(to, '127.0.0.1') : createConnection(to)
      for (const one of [socket, other]) one.on('error', () => [socket, other].forEach((end) => end.destroy()))
      socket.pipe(other).pipe(socket)
    })
    await new Promise<void>((resolve) =>
      typeof from === 'number' ? server.listen(from, '127.0.0.1', resolve) : server.listen(from, resolve),
    )
    owner.teardown(async () => void server.close())
  }
  return {
    network,
    async openIn(port) {
      const path = join(folder, `in-${++count}`)
      const outer = await freePort()
      await inside(path, String(port))
      await here(outer, path)
      await until('the way in', () => isOpen(outer))
      return outer
    },
    async openOut(port) {
      const path = join(folder, `out-${++count}`)
      await here(path, port)
      await inside(String(port), path)
      await until('the way out', () => isOpen(port, network))
    },
  }
}

/** `node -e` with what to listen on and where to lead to: a number is a port of loopback, a path a Unix socket. */
const relayText = `
const net = require('node:net')
const [from, to] = process.argv.slice(1)
const at = (text) => (/^\\d+$/.test(text) ? { host: '127.0.0.1', port: Number(text) } : { path: text })
net.createServer((socket) => {
  const other = net.createConnection(at(to))
  for (const one of [socket, other]) one.on('error', () => { socket.destroy(); other.destroy() })
  socket.pipe(other).pipe(socket)
}).listen(at(from))
`
