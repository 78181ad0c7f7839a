// A request that asks for an upgrade, and what came of it.
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TestApi } from './fixture.ts'

export interface Opened {
  status: number
  headers: NodeJS.Dict<string | string[]>
  body: string
  socket?: Duplex
}

export function upgrade(api: TestApi, path: string, headers: Record<string, string>, method = 'GET'): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      ...{ host: '127.0.0.1', port: api.port, ca: api.ca, path, method, agent: false },
      headers: { connection: 'Upgrade', upgrade: 'echo', ...headers },
    })
    request.on('upgrade', (response, socket) => {
      socket.on('error', () => socket.destroy())
      resolve({ status: 101, headers: response.headers, body: '', socket })
    })
    request.on('response', (response) => {
      let body = ''
      response.on('data', (chunk) => (body += String(chunk)))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject)
    request.end()
  })
}
