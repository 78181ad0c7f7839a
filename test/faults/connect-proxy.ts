// An HTTP CONNECT proxy that asks for a password: the way out of one of the agents, and a secret that must stay one.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Owner } from './owner.ts'

export interface ConnectProxy {
  url: string
  password: string
  tunnels(): number
}

export async function startConnectProxy(owner: Owner, password: string): Promise<ConnectProxy> {
  const expected = `Basic ${Buffer.from(`fleet:${password}`).toString('base64')}`
  const sockets = new Set<Socket>()
  let tunnels = 0
  const server = createServer((_request, response) => response.writeHead(405).end())
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
        inner.destroy()
        outer.destroy()
      })
    }
    outer.on('error', () => {})
    outer.once('connect', () => {
      inner.write('HTTP/1.1 200 OK\r\n\r\n')
      inner.pipe(outer).pipe(inner)
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
  return { url: `http://fleet:${password}@127.0.0.1:${port}`, password, tunnels: () => tunnels }
}
