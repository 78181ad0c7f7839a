// WebSocket and SPDY/3.1 (exec, attach, port-forward): after the API server's 101 the stream and its connection are one.
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { messageOf } from '#shared/errors/agent-error.ts'
import { headBytes, readRefusal } from '#shared/kubernetes/head.ts'
import { requestHeaders, responseHeaders, upgradeProtocol } from '#shared/kubernetes/headers.ts'
import { type KubeFailure, statusBody } from '#shared/kubernetes/status.ts'
import { splice } from '#shared/tunnel/splice.ts'
import { forbidden, type ForwardDeps, hostOf, noCredentials, notAccepted, otherProtocol, unreachable } from './forward.ts'
import { checkImpersonation } from './impersonation.ts'
import type { KubeAccess } from './types.ts'

interface UpgradeRequest {
  request: IncomingMessage
  stream: Duplex
  head: Buffer
  user: string | undefined
}

export async function forwardUpgrade(
  { request, stream, head, user }: UpgradeRequest,
  { credentials, connections, log }: ForwardDeps,
): Promise<void> {
  // node:http has let go of the stream.
  stream.on('error', (error) => log.debug({ reason: messageOf(error) }, 'kube: an upgraded stream has failed'))
  const protocol = upgradeProtocol(request.rawHeaders)
  const identity = checkImpersonation(request.rawHeaders, user ?? '')
  if (user === undefined || !identity.ok) return refuse(stream, forbidden(identity.ok ? 'the stream has no user' : identity.message))
  if (protocol === undefined)
    return refuse(stream, { code: 400, reason: 'BadRequest', message: 'only websocket and SPDY/3.1 can be upgraded to' })
  let access: KubeAccess
  try {
    access = await credentials.current()
  } catch (error) {
    return refuse(stream, noCredentials(error, log))
  }
  if (stream.destroyed) return

  const ask = () =>
    connections.upgrade(access, {
      ...{ method: request.method, path: `${access.basePath}${request.url}` },
      headers: {
        ...requestHeaders(request.rawHeaders, { isUpgrade: true }),
        ...identity.headers,
        ...(access.authorization && { authorization: access.authorization }),
        ...{ host: hostOf(access), connection: 'Upgrade', upgrade: protocol },
      },
    })
  let upstream: ClientRequest
  try {
    upstream = ask()
  } catch (error) {
    // As in forward.ts.
    credentials.forget()
    return refuse(stream, noCredentials(error, log))
  }
  const stop = () => upstream.destroy(new Error('the hub has ended the request'))
  stream.once('close', stop)
  upstream.on('error', (error) => {
    if (!stream.destroyed) refuse(stream, unreachable(access, error, log))
  })
  upstream.on('response', (response) => {
    if (response.statusCode === 401) {
      credentials.forget()
      return refuse(stream, notAccepted(access))
    }
    passRefusal(stream, response).catch((error: unknown) => stream.destroy(error as Error))
  })
  upstream.on('upgrade', (response, socket, first) => {
    stream.off('close', stop)
    if (upgradeProtocol(response.rawHeaders) !== protocol) {
      socket.destroy()
      return refuse(stream, otherProtocol(access))
    }
    const headers = { ...responseHeaders(response.rawHeaders, { isUpgrade: true }), connection: 'Upgrade', upgrade: protocol }
    stream.write(headBytes(101, 'Switching Protocols', headers))
    if (first.length > 0) stream.write(first)
    if (head.length > 0) socket.write(head)
    splice(stream, socket)
  })
  upstream.end()
}

async function passRefusal(stream: Duplex, response: IncomingMessage): Promise<void> {
  const body = await readRefusal(response)
  const headers = { ...responseHeaders(response.rawHeaders), 'content-length': String(body.length), connection: 'close' }
  stream.end(Buffer.concat([headBytes(response.statusCode ?? 502, 'Refused', headers), body]))
}

function refuse(stream: Duplex, failure: KubeFailure): void {
  const body = Buffer.from(statusBody(failure))
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length), connection: 'close' }
  stream.end(Buffer.concat([headBytes(failure.code, failure.reason, headers), body]))
}
