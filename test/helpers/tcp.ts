// A TCP or TLS server of one test: on loopback, on a free port, gone with the test together with its connections.
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'

/** Listens with a server of the test's own. Resolves with the port. */
export async function listenWith(t: Pick<ExecutionContext, 'teardown'>, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {
      // A test breaks connections; 'close' follows.
    })
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return (server.address() as { port: number }).port
}

export const listen = (t: ExecutionContext, onSocket: (socket: Socket) => void): Promise<number> => listenWith(t, createServer(onSocket))

export const echo = (socket: Socket): void => void socket.pipe(socket)

/** What an echo answers to "ping"; ends the socket. */
export async function roundTrip(socket: Socket): Promise<string> {
  socket.write('ping')
  const [data] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return data.toString()
}
