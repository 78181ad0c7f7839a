// Reading of the hub's own from a cluster's API: one GET as `moorline:hub`, its answer limited in size and time and parsed by a schema.
// What a cluster answers is hostile: nothing of it gets further than through here.
import type { IncomingMessage } from 'node:http'
import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import type { Clock } from '#shared/clock/clock.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { DialError } from '#shared/errors/dial-error.ts'
import { TunnelError, tunnelErrorCatalogue } from '#shared/errors/tunnel-error.ts'
import { saidBy } from '#shared/kubernetes/status.ts'
import { JsonRefused, parseJson } from '#shared/schema/safe-json.ts'
import { plainLine } from '#shared/schema/plain-line.ts'
import type { ClusterClient } from './client.ts'
import { hubIdentity } from './identity.ts'
import type { ClusterRoute } from './types.ts'

export type ClusterReadReason =
  /** No way there now: agent, network, proxy, TLS. */
  | 'Unreachable'
  /** 401: the credential of hub or agent is not accepted. */
  | 'Unauthorized'
  /** 403: the hub's identity has not the rights it needs there. */
  | 'Forbidden'
  /** 404. */
  | 'NotFound'
  /** No answer in time. */
  | 'Timeout'
  /** It answers 5xx, or 429. */
  | 'Failing'
  /** What answers is no Kubernetes API, or says more than is read. */
  | 'NotUnderstood'

/** Why a cluster could not be read; the message names path and cause and is safe to show. */
export class ClusterReadError extends Error {
  readonly reason: ClusterReadReason
  constructor(reason: ClusterReadReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ClusterReadError'
    this.reason = reason
  }
}

export interface ClusterReader {
  client: Pick<ClusterClient, 'send'>
  route: ClusterRoute
  clock: Clock
  signal: AbortSignal
}

export interface ReadLimits {
  /** Of the body. Default 256 KiB. */
  maxBytes?: number
  /** Of the whole exchange, connecting included. Default 15 s. */
  timeoutMs?: number
}

const defaults = { maxBytes: 256 * 1024, timeoutMs: 15_000 } as const
const maxDepth = 64

/** @throws ClusterReadError; the signal's reason when it is aborted */
export async function readJson<T extends TSchema>(
  reader: ClusterReader,
  path: string,
  schema: T,
  limits: ReadLimits = {},
): Promise<Static<T>> {
  const { status, body } = await read(reader, path, 'application/json', limits)
  if (status !== 200) throw refusal(path, status, body)
  const value = parsed(path, body, limits.maxBytes ?? defaults.maxBytes)
  if (Value.Check(schema, value)) return value
  const [first] = Value.Errors(schema, value)
  const what = `${first?.instancePath || 'the document'} ${first?.message ?? 'is not as expected'}`
  throw new ClusterReadError('NotUnderstood', `GET ${path}: ${plainLine(what, 256)}`)
}

/** The text whatever the status is: /readyz says with 500 what is wrong. @throws ClusterReadError */
export async function readText(reader: ClusterReader, path: string, limits: ReadLimits = {}): Promise<{ status: number; text: string }> {
  const { status, body } = await read(reader, path, 'text/plain, */*', limits)
  return { status, text: body.toString('utf8') }
}

async function read(
  { client, route, clock, signal }: ClusterReader,
  path: string,
  accept: string,
  limits: ReadLimits,
): Promise<{ status: number; body: Buffer }> {
  const { maxBytes, timeoutMs } = { ...defaults, ...limits }
  const late = new AbortController()
  const timer = clock.setTimer(
    timeoutMs,
    () => late.abort(new ClusterReadError('Timeout', `GET ${path}: no whole answer within ${timeoutMs / 1000} s`)),
    true,
  )
  const both = AbortSignal.any([signal, late.signal])
  try {
    const request = { identity: hubIdentity, class: 'interactive', method: 'GET', path, headers: { accept }, signal: both } as const
    const answer = await client.send(route, request)
    if (answer.headers['content-encoding'] !== undefined) {
      answer.destroy()
      throw new ClusterReadError('NotUnderstood', `GET ${path}: the answer is compressed, which was not asked for`)
    }
    return { status: answer.statusCode ?? 0, body: await collect(answer, path, maxBytes, both) }
  } catch (error) {
    signal.throwIfAborted()
    throw late.signal.aborted ? (late.signal.reason as Error) : toReadError(path, error)
  } finally {
    timer.cancel()
  }
}

function collect(answer: IncomingMessage, path: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const stop = () => answer.destroy(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    answer.once('close', () => signal.removeEventListener('abort', stop))
    answer.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) answer.destroy(new ClusterReadError('NotUnderstood', `GET ${path}: the answer is larger than ${maxBytes} bytes`))
      else chunks.push(chunk)
    })
    answer.once('end', () => resolve(Buffer.concat(chunks)))
    answer.once('error', reject)
    if (signal.aborted) stop()
  })
}

function parsed(path: string, body: Buffer, maxBytes: number): unknown {
  try {
    return parseJson(body, { maxBytes, maxDepth })
  } catch (error) {
    if (error instanceof JsonRefused) throw new ClusterReadError('NotUnderstood', `GET ${path}: ${plainLine(error.message, 256)}`)
    throw error
  }
}

function toReadError(path: string, error: unknown): unknown {
  if (error instanceof ClusterReadError) return error
  if (error instanceof TunnelError)
    return new ClusterReadError('Unreachable', plainLine(`${error.message}. ${tunnelErrorCatalogue[error.code].next}`, 768), error)
  if (error instanceof DialError) return new ClusterReadError('Unreachable', plainLine(`${error.message}. ${error.next}`, 768), error)
  if (error instanceof ApiError) return new ClusterReadError('Unreachable', plainLine(error.message, 768), error)
  const { code, message } = error as NodeJS.ErrnoException
  // What sockets and TLS report has a code; a fault in this program has none.
  if (code === undefined) return error
  return new ClusterReadError('Unreachable', `GET ${path}: ${plainLine(message, 512)}`, error)
}

/** An answer that is no 200, with what a Status in it says: the agent puts its own reasons there, too. */
function refusal(path: string, status: number, body: Buffer): ClusterReadError {
  const reason: ClusterReadReason =
    status === 401
      ? 'Unauthorized'
      : status === 403
        ? 'Forbidden'
        : status === 404
          ? 'NotFound'
          : status >= 500 || status === 429
            ? 'Failing'
            : 'NotUnderstood'
  return new ClusterReadError(reason, `GET ${path}: ${status}${saidBy(body, defaults.maxBytes)}`)
}
