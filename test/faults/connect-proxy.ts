// An HTTP CONNECT proxy that asks for a password: the way out of one of the agents, and a secret that must stay one.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Owner } from './owner.ts'

export interface ConnectProxy {
  url: string
  password: string
  tunnels(): number
  /** Bytes in these directions stop, of open and of new tunnels; nothing is closed, and nothing is said to either end. */
  hold(...directions: Direction[]): void
  /** What was held goes on where both ends are still there. */
  heal(): void
}

export type Direction = 'toHub' | 'toAgent'

export async function startConnectProxy(owner: Owner, password: string): Promise<ConnectProxy> {
  const expected = `Basic ${Buffer.from(`fleet:${password}`).toString('base64')}`
  const sockets = new Set<Socket>()
  let tunnels = 0
  let held: readonly Direction[] = []
  /** Each lets a tunnel run as `held` says now. */
  const followers = new Set<() => void>()
  const server = createServer((_request, response) => response.writeHead(405).end())
  /** Ends travel like bytes: a side that is held does not hear that the other has gone. */
  function carry(from: Socket, to: Socket, direction: Direction): void {
    const isHeld = () => held.includes(direction)
    const follow = () => {
      if (isHeld()) return void from.pause()
      from.resume()
      if (from.closed) to.destroy()
    }
    followers.add(follow)
    from.on('data', (chunk) => {
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => isHeld() || from.resume())
    from.on('end', () => to.end())
    from.on('close', () => isHeld() || to.destroy())
    to.on('close', () => followers.delete(follow))
    follow()
  }
  server.on('connect', (request, inner: Socket) => {
    inner.on('error', () => {})
    if (request.headers['proxy-authorization'] !== expected)
      return void inner.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n')
    const { hostname, port } = new URL(`http://${request.url}`)
    const outer = connect({ host: hostname, port: Number(port) })
    tunnels++
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.once('close', () => {
        sockets.delete(socket)
      })
    }
    outer.on('error', () => {})
    outer.once('connect', () => {
      inner.write('HTTP/1.1 200 OK\r\n\r\n')
      carry(inner, outer, 'toHub')
      carry(outer, inner, 'toAgent')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  owner.teardown(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
  })
  const hold = (...directions: Direction[]) => {
    held = directions
    for (const follow of followers) follow()
  }
  return {
    ...{ hold, heal: () => hold() },
    url: `http://fleet:${password}@127.0.0.1:${port}`,
    password,
    tunnels: () => tunnels,
  }
}
