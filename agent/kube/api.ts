// Requests of the agent's own to the API server of its cluster, with its own credentials and as nobody else: which cluster this is, and
// the Secret that keeps its identity. Everything that the hub asks for goes through forward.ts instead.
import type { Clock } from '#shared/clock/clock.ts'
import { saidBy } from '#shared/kubernetes/status.ts'
import { parseJson } from '#shared/schema/safe-json.ts'
import { plainLine } from '#shared/schema/plain-line.ts'
import { createConnections } from './connections.ts'
import { hostOf } from './forward.ts'
import type { KubeCredentials } from './types.ts'

const timeoutMs = 15_000
/** Of etcd's own limit for an object, with room for base64. */
const maxBytes = 2 * 1024 * 1024

/** `status` 0: no answer. The message never quotes a body that was sent. */
export class KubeApiError extends Error {
  readonly status: number
  constructor(status: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'KubeApiError'
    this.status = status
  }
}

export interface KubeApi {
  /** @throws KubeApiError */
  get(path: string): Promise<unknown>
  /** @throws KubeApiError, 409 when what was read has been changed since */
  put(path: string, object: unknown): Promise<unknown>
  close(): void
}

export function createKubeApi({ credentials, clock }: { credentials: KubeCredentials; clock: Clock }): KubeApi {
  const connections = createConnections(clock)

  async function ask(method: 'GET' | 'PUT', path: string, object?: unknown): Promise<unknown> {
    const access = await credentials.current().catch((error: Error) => {
      throw new KubeApiError(0, error.message, error)
    })
    const body = object === undefined ? undefined : Buffer.from(JSON.stringify(object))
    const { status, text } = await new Promise<{ status: number; text: Buffer }>((resolve, reject) => {
      const headers = {
        ...{ accept: 'application/json', host: hostOf(access) },
        ...(access.authorization && { authorization: access.authorization }),
        ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
      }
      const request = connections.request(access, { method, path: `${access.basePath}${path}`, headers })
      const timer = clock.setTimer(timeoutMs, () => request.destroy(new Error(`no whole answer within ${timeoutMs / 1000} s`)), true)
      const fail = (error: Error) => {
        timer.cancel()
        reject(new KubeApiError(0, `${method} ${path} at ${hostOf(access)}: ${error.message}`, error))
      }
      request.once('error', fail)
      request.once('response', (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > maxBytes) response.destroy(new Error(`the answer is larger than ${maxBytes} bytes`))
          else chunks.push(chunk)
        })
        response.once('error', fail)
        response.once('end', () => {
          timer.cancel()
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks) })
        })
      })
      request.end(body)
    })
    if (status === 401) credentials.forget()
    if (status !== 200 && status !== 201)
      throw new KubeApiError(status, `${method} ${path} at ${hostOf(access)}: ${status}${saidBy(text, maxBytes)}`)
    try {
      return parseJson(text, { maxBytes, maxDepth: 64 })
    } catch (error) {
      throw new KubeApiError(status, `${method} ${path} at ${hostOf(access)}: ${plainLine((error as Error).message, 256)}`, error)
    }
  }

  return {
    get: (path) => ask('GET', path),
    put: (path, object) => ask('PUT', path, object),
    close: () => connections.close(),
  }
}
