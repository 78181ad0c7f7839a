// A small HTTP/1.1 server in the place of a cluster's API, and the way to it: answers are what a test says, also wrong ones.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { createClusterClient } from '#hub/clusters/client.ts'
import type { ClusterReader } from '#hub/clusters/read.ts'
import type { ClusterRoute } from '#hub/clusters/types.ts'
import { systemClock } from '#shared/clock/clock.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface ClusterServer {
  reader: ClusterReader
  route: ClusterRoute
  stop: AbortController
  seen: IncomingMessage[]
}

export const json =
  (value: unknown, status = 200): Answer =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))

/** By path without its query; what has no answer is 404. */
export async function startClusterServer(t: Owner, answers: Record<string, Answer>): Promise<ClusterServer> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    const answer = answers[(request.url ?? '').split('?')[0] ?? '']
    if (answer) answer(request, response)
    else json({ kind: 'Status', message: 'not found' }, 404)(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = createClusterClient({ clock: systemClock })
  t.teardown(async () => {
    await client.close()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const route: ClusterRoute = {
    key: 'k',
    async connect({ signal }) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      await once(socket, 'connect', signal && { signal })
      return socket
    },
    ...{ pathPrefix: '', host: 'cluster', headers: {} },
  }
  const stop = new AbortController()
  return { route, seen, stop, reader: { client, route, clock: systemClock, signal: stop.signal } }
}
