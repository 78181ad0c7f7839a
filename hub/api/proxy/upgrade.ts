// exec, attach, port-forward and WebSockets of services: after the cluster's 101 both connections are one.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { ApiError } from '#shared/errors/api-error.ts'
import { headBytes, readRefusal } from '#shared/kubernetes/head.ts'
import { requestHeaders, responseHeaders, upgradeProtocol } from '#shared/kubernetes/headers.ts'
import { type KubeFailure, statusBody } from '#shared/kubernetes/status.ts'
import { splice } from '#shared/tunnel/splice.ts'
import type { User } from '#hub/auth/types.ts'
import type { Upgrade, UpgradeRoute } from '../types.ts'
import { admit } from './admit.ts'
import { describe } from './audit.ts'
import { failureOf, otherProtocol, refusedCredentials } from './failure.ts'
import { clientHeaders } from './response.ts'
import { classOf } from './target.ts'
import type { Admitted, ProxyParts } from './types.ts'

export function upgradeRoute(parts: ProxyParts): UpgradeRoute {
  // By the very user of one request: what was allowed then is known only to what was admitted then.
  const admissions = new WeakMap<User, Admitted>()
  return {
    path: '/clusters/:name/proxy/*',
    access: { verb: 'get', kind: 'Cluster', subresource: 'proxy' },
    sessions: false,
    isStillAllowed: (_now, then) => admissions.get(then)?.isStillAllowed() ?? true,
    async handle(upgrade) {
      const { request, user } = upgrade
      const admitted = admit(user, request.method ?? 'GET', request.url ?? '', parts)
      admissions.set(user, admitted)
      return handle(upgrade, admitted, parts)
    },
  }
}

async function handle(upgrade: Upgrade, admitted: Admitted, parts: ProxyParts): Promise<void> {
  const { request, signal } = upgrade
  const method = request.method ?? 'GET'
  const { target, info, identity, route } = admitted
  const protocol = upgradeProtocol(request.rawHeaders)
  if (protocol === undefined) throw new ApiError('BadRequest', 'only websocket and SPDY/3.1 can be upgraded to')
  const detail = describe({ method, path: target.path, info })
  try {
    const { response, upgraded } = await parts.client.upgrade(route, {
      ...{ identity, method, class: classOf(info, target.path, true), path: target.path, signal },
      headers: { ...requestHeaders(request.rawHeaders, { isUpgrade: true }), connection: 'Upgrade', upgrade: protocol },
    })
    if (upgraded && upgradeProtocol(response.rawHeaders) !== protocol) {
      upgraded.socket.destroy()
      return await refuse(upgrade, otherProtocol(target.cluster), detail)
    }
    if (upgraded) return await join(upgrade, upgraded, response, { detail, protocol })
    if (response.statusCode === 401) return await refuse(upgrade, refusedCredentials(target.cluster), detail)
    await passRefusal(upgrade, response, admitted, detail)
  } catch (error) {
    const failure = signal.aborted ? undefined : failureOf(error, target.cluster)
    if (!failure) throw error
    await refuse(upgrade, failure, detail)
  }
}

async function join(
  { socket, head, accepted, signal }: Upgrade,
  { socket: stream, head: first }: { socket: Duplex; head: Buffer },
  response: IncomingMessage,
  { detail, protocol }: { detail: string; protocol: string },
): Promise<void> {
  const onLost = () => stream.destroy()
  signal.addEventListener('abort', onLost, { once: true })
  stream.once('close', () => signal.removeEventListener('abort', onLost))
  await accepted(detail)
  if (socket.destroyed || stream.destroyed) {
    stream.destroy()
    socket.destroy()
    return
  }
  socket.write(
    headBytes(101, 'Switching Protocols', {
      ...responseHeaders(response.rawHeaders, { isUpgrade: true }),
      connection: 'Upgrade',
      upgrade: protocol,
    }),
  )
  if (first.length > 0) socket.write(first)
  if (head.length > 0) stream.write(head)
  splice(stream, socket)
}

async function passRefusal({ refused }: Upgrade, response: IncomingMessage, { target, route }: Admitted, detail: string): Promise<void> {
  const status = response.statusCode ?? 502
  const body = await readRefusal(response)
  const headers = {
    ...clientHeaders(response.rawHeaders, target.cluster, route.pathPrefix),
    'content-length': String(body.length),
    connection: 'close',
  }
  await refused({ status, head: headBytes(status, 'Refused', headers), body, detail })
}

async function refuse({ refused }: Upgrade, failure: KubeFailure, detail: string): Promise<void> {
  const body = Buffer.from(statusBody(failure))
  const headers = {
    'content-type': 'application/json',
    'content-length': String(body.length),
    connection: 'close',
    'cache-control': 'no-store',
  }
  await refused({
    status: failure.code,
    head: headBytes(failure.code, failure.reason, headers),
    body,
    detail: `${detail}: ${failure.message}`,
  })
}
