// Probe of the procedures plane: grpc.health.v1 through its real path (dialer, proxy, mutual TLS, the hub's gRPC server), over a
// connection of its own that is closed again. One unary call of an empty message needs no gRPC library, and an agent that only
// waits does not carry one. Protocol: grpc/doc/PROTOCOL-HTTP2.md.
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Proxy } from '#agent/config/proxy.ts'
import { dial, type Endpoint } from '#agent/link/dialer.ts'
import { connectTls, type TlsOptions, tlsTimeoutMs } from '#agent/link/tls.ts'
import type { PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { AgentError } from '#shared/errors/agent-error.ts'

export interface HealthOptions {
  hub: Endpoint
  proxy?: Proxy
  clock: Clock
  /** Asked for at each probe, so that a renewed identity is used. */
  tls(): TlsOptions
  signal?: AbortSignal
}

/** Compressed flag and length of an empty message. */
const emptyMessage = Buffer.alloc(5)
const answerLimitBytes = 1024
/** gRPC status codes; a server without a health service has answered through the real path all the same. */
const status = { ok: 0, deadlineExceeded: 4, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 } as const

/** Never rejects: a plane that is down is a reason. */
export async function probeProcedures(options: HealthOptions, timeoutMs: number): Promise<PlaneState> {
  const { clock } = options
  const startMs = clock.monotonicMs()
  const late = new AbortController()
  const timer = clock.setTimer(timeoutMs, () => late.abort(new AgentError('DialTimeout', 'no answer in time')), true)
  let reason: string
  try {
    const signal = options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal
    reason = await check(options, signal)
  } catch (error) {
    reason = late.signal.aborted ? 'Timeout' : error instanceof AgentError && error.code === 'IdentityRefused' ? 'Refused' : 'Unavailable'
  } finally {
    timer.cancel()
  }
  const roundTripUs = Math.max(1, Math.round((clock.monotonicMs() - startMs) * 1000))
  return { name: 'grpc', ok: reason === '', reason, roundTripUs: reason === '' ? roundTripUs : 0 }
}

async function check({ hub, proxy, clock, tls }: HealthOptions, signal: AbortSignal): Promise<string> {
  const socket = await dial({ ...hub, proxy, clock, signal })
  const secured = await connectTls(socket, { ...tls(), alpn: ['h2'] }, { clock, timeoutMs: tlsTimeoutMs, signal })
  const session = open(secured)
  const abort = () => session.destroy(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await ask(session)
  } finally {
    signal.removeEventListener('abort', abort)
    session.destroy()
    secured.destroy()
  }
}

function open(socket: TLSSocket): ClientHttp2Session {
  const session = connect(`https://${socket.servername || 'hub'}`, { createConnection: () => socket })
  // Each failure also reaches the stream, which is what is waited for.
  session.on('error', () => {})
  return session
}

function ask(session: ClientHttp2Session): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let answer = Buffer.alloc(0)
    let code: number | undefined
    const take = (headers: IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) code = Number(headers['grpc-status'])
    }
    stream.on('response', take)
    stream.on('trailers', take)
    stream.on('data', (data: Buffer) => {
      answer = Buffer.concat([answer, data])
      if (answer.length > answerLimitBytes) stream.close(constants.NGHTTP2_CANCEL)
    })
    stream.on('error', reject)
    stream.on('close', () =>
      code === undefined ? reject(new Error('the stream ended without a status')) : resolve(reasonOf(code, answer)),
    )
    stream.end(emptyMessage)
  })
}

function reasonOf(code: number, answer: Buffer): string {
  if (code === status.unimplemented) return ''
  if (code === status.deadlineExceeded) return 'Timeout'
  if (code === status.unauthenticated || code === status.permissionDenied) return 'Refused'
  if (code !== status.ok) return 'Unavailable'
  // After the five bytes of the frame: field 1, varint, where 1 is SERVING and 0 is left out.
  return answer[5] === 8 && answer[6] === 1 ? '' : 'NotServing'
}
