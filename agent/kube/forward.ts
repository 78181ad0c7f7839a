// One request from the hub to the API server and its answer back.
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { messageOf } from '#shared/errors/agent-error.ts'
import { bodyFraming, requestHeaders, responseHeaders, valuesOf } from '#shared/kubernetes/headers.ts'
import { pump } from '#shared/kubernetes/pump.ts'
import { type KubeFailure, statusBody } from '#shared/kubernetes/status.ts'
import type { Log } from '#shared/log/log.ts'
import type { Connections } from './connections.ts'
import { checkImpersonation } from './impersonation.ts'
import type { KubeAccess, KubeCredentials } from './types.ts'

export interface ForwardDeps {
  credentials: KubeCredentials
  connections: Connections
  log: Log
}

export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  user: string | undefined,
  { credentials, connections, log }: ForwardDeps,
): Promise<void> {
  const identity = checkImpersonation(request.rawHeaders, user ?? '')
  if (user === undefined || !identity.ok) {
    const message = identity.ok ? 'the stream has no user' : identity.message
    log.warn({ user, message }, 'kube: a request was refused')
    return answer(request, response, forbidden(message))
  }
  let access: KubeAccess
  try {
    access = await credentials.current()
  } catch (error) {
    return answer(request, response, noCredentials(error, log))
  }
  if (response.destroyed) return

  const hasBody = valuesOf(request.rawHeaders, 'transfer-encoding').length > 0
  const framing = bodyFraming(request.rawHeaders, hasBody)
  const ask = () =>
    connections.request(access, {
      ...{ method: request.method, path: `${access.basePath}${request.url}` },
      headers: {
        ...requestHeaders(request.rawHeaders),
        ...framing,
        ...identity.headers,
        ...(access.authorization && { authorization: access.authorization }),
        host: hostOf(access),
      },
    })

  const start = (isRepeat: boolean): void => {
    let upstream: ClientRequest
    try {
      upstream = ask()
    } catch (error) {
      // A token with a line break in it, a certificate that is none: node:http and node:tls throw at once.
      credentials.forget()
      return answer(request, response, noCredentials(error, log))
    }
    ;(upstream as ClientRequest & { strictContentLength: boolean }).strictContentLength = true
    const stop = () => upstream.destroy(new Error('the hub has ended the request'))
    response.once('close', stop)
    upstream.on('error', (error) => {
      response.off('close', stop)
      if (response.destroyed) return
      if (response.headersSent) return void response.destroy(error)
      // A kept connection that the API server closed just now. What has no body and only reads is asked again.
      if (upstream.reusedSocket && !isRepeat && !framing && ['GET', 'HEAD'].includes(request.method ?? '')) return start(true)
      answer(request, response, unreachable(access, error, log))
    })
    upstream.on('response', (incoming) => {
      if (incoming.statusCode === 401) {
        credentials.forget()
        incoming.resume()
        return answer(request, response, notAccepted(access))
      }
      takeAnswer(request, response, incoming)
    })
    if (framing) pump(request, upstream, (error) => upstream.destroy(error))
    else upstream.end()
  }
  start(false)
}

function takeAnswer(request: IncomingMessage, response: ServerResponse, incoming: IncomingMessage): void {
  const status = incoming.statusCode ?? 502
  const isBodyless = request.method === 'HEAD' || status === 204 || status === 304
  const framing = bodyFraming(incoming.rawHeaders, !isBodyless)
  response.writeHead(status, { ...responseHeaders(incoming.rawHeaders), ...framing })
  // A watch may have nothing to say for minutes; that it has begun is known at once.
  response.flushHeaders()
  incoming.on('end', () => {
    // Without any framing the end of the connection is the end of the body, and a broken connection is not an end.
    if (incoming.socket?.errored) response.destroy()
  })
  pump(incoming, response, (error) => response.destroy(error))
}

/** An answer of the agent's own. The rest of the request's body is let go. */
function answer(request: IncomingMessage, response: ServerResponse, failure: KubeFailure): void {
  if (response.destroyed || response.headersSent) return
  request.resume()
  const body = statusBody(failure)
  response.writeHead(failure.code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(request.method === 'HEAD' ? undefined : body)
}

export const hostOf = ({ host, port }: KubeAccess): string => `${host.includes(':') ? `[${host}]` : host}:${port}`

export const forbidden = (message: string): KubeFailure => ({ code: 403, reason: 'Forbidden', message, cause: 'IdentityRefused' })

export function noCredentials(error: unknown, log: Log): KubeFailure {
  const message = `the agent of the cluster has no credentials for it: ${messageOf(error)}. Correct the part "kubernetes" of the agent's policy, or the file`
  log.warn({ reason: messageOf(error) }, 'kube: no credentials')
  return { code: 503, reason: 'ServiceUnavailable', message, cause: 'NoCredentials' }
}

export function notAccepted(access: KubeAccess): KubeFailure {
  const message = `the API server at ${hostOf(access)} does not accept the credentials of the cluster's agent. Renew the kubeconfig or the service account that its policy names`
  return { code: 502, reason: 'ServiceUnavailable', message, cause: 'CredentialsRefused' }
}

/** What would follow is not what the client speaks, and might be read as something else on the way. */
export function otherProtocol(access: KubeAccess): KubeFailure {
  const message = `the API server at ${hostOf(access)} has changed to a protocol that it was not asked for`
  return { code: 502, reason: 'ServiceUnavailable', message, cause: 'TargetUnreachable' }
}

export function unreachable(access: KubeAccess, error: Error, log: Log): KubeFailure {
  log.info({ server: hostOf(access), reason: messageOf(error) }, 'kube: the API server does not answer')
  const message = `the agent cannot reach the API server at ${hostOf(access)}: ${messageOf(error)}. Check on its machine that the API server runs and that the address and CA are right`
  return { code: 502, reason: 'ServiceUnavailable', message, cause: 'TargetUnreachable' }
}
