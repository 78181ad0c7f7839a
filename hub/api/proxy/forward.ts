// One ordinary request to a cluster: both bodies stream with backpressure, a watch stays open for as long as both ends and the right to
// it do, and an answer that is cut short is cut short for the client.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type Http2ServerRequest } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '#shared/errors/api-error.ts'
import { bodyFraming, type Headers, requestHeaders, valuesOf } from '#shared/kubernetes/headers.ts'
import { pump } from '#shared/kubernetes/pump.ts'
import { type KubeFailure, statusBody } from '#shared/kubernetes/status.ts'
import type { LiveAccess } from '../http/live-access.ts'
import type { User } from '#hub/auth/types.ts'
import { admit } from './admit.ts'
import { failureOf, refusedCredentials } from './failure.ts'
import { clientHeaders } from './response.ts'
import { classOf } from './target.ts'
import type { Admitted, ProxyParts } from './types.ts'

/** For what is left of a body when its answer has been given. */
const restMs = 5_000

export async function forward(request: FastifyRequest, reply: FastifyReply, parts: ProxyParts, live: LiveAccess): Promise<void> {
  const { raw } = request
  const method = request.method
  const admitted = admit(request.user as User, method, raw.url ?? '', parts)
  const { target, info, identity, route } = admitted
  const audit = async (result: string, isDenied = false) => {
    request.isAuditWritten = true
    await parts.audit({
      user: admitted.user.name,
      cluster: target.cluster,
      path: target.path,
      remoteAddress: request.ip,
      ...{ info, method, result, isDenied },
    })
  }

  const ending = new AbortController()
  const out = reply.raw
  const stop = live.follow(admitted.isStillAllowed, () => {
    ending.abort(new ApiError('Unauthorized', 'the token has ended or its rights have changed'))
    if (out.headersSent) out.destroy(new Error('the rights of the user have ended'))
  })
  out.once('close', () => {
    stop()
    // HTTP/2 calls a stream finished that its client has reset.
    if (!out.writableEnded) ending.abort(new ApiError('BadRequest', 'the client has gone'))
  })

  let answer: IncomingMessage
  try {
    const body = bodyOf(raw, method)
    answer = await parts.client.send(route, {
      ...{ identity, method, class: classOf(info, target.path, false), path: target.path, signal: ending.signal },
      headers: { ...requestHeaders(raw.rawHeaders), ...body?.framing },
      body: body?.stream,
    })
  } catch (error) {
    stop()
    if (ending.signal.aborted) {
      await audit('Canceled')
      throw ending.signal.reason
    }
    const failure = failureOf(error, target.cluster)
    if (!failure) throw error
    await audit(String(failure.code))
    return void sendFailure(reply, failure)
  }

  if (answer.statusCode === 401) {
    answer.resume()
    stop()
    await audit('502')
    return void sendFailure(reply, refusedCredentials(target.cluster))
  }
  endRest(raw, answer, parts)
  // The row is there before the answer leaves.
  await audit(String(answer.statusCode), answer.statusCode === 403)
  takeAnswer(reply, answer, method, admitted, parts)
}

function takeAnswer(
  reply: FastifyReply,
  answer: IncomingMessage,
  method: string,
  { target, route, info }: Admitted,
  { watches }: ProxyParts,
): void {
  reply.hijack()
  const out = reply.raw
  if (out.destroyed) return void answer.destroy()
  const status = answer.statusCode ?? 502
  const isBodyless = method === 'HEAD' || status === 204 || status === 304
  const framing = bodyFraming(answer.rawHeaders, false)
  const headers = { ...(reply.getHeaders() as Headers), ...clientHeaders(answer.rawHeaders, target.cluster, route.pathPrefix), ...framing }
  out.writeHead(status, headers)
  out.flushHeaders?.()
  if (isBodyless) {
    answer.resume()
    out.end()
    return
  }
  if (info.verb !== 'watch' || status !== 200) return pump(answer, out, (error) => out.destroy(error))
  let isDrained = false
  const drain = () => {
    isDrained = true
    answer.destroy()
  }
  watches.add(drain)
  out.once('close', () => watches.delete(drain))
  // A watch that is ended on purpose has a clean end, as API servers give it; an event that is cut in two is no JSON.
  pump(answer, out, (error) => (isDrained ? out.end() : out.destroy(error)))
}

/** An answer may come before the end of the body. Its sender may have more on its way, but not for ever. */
function endRest(raw: FastifyRequest['raw'], answer: IncomingMessage, { clock }: ProxyParts): void {
  answer.once('end', () => {
    if (raw.complete) return
    const { stream } = raw as unknown as Http2ServerRequest
    const end = () => (stream ? stream.close(constants.NGHTTP2_NO_ERROR) : raw.destroy())
    const timer = clock.setTimer(restMs, end, true)
    raw.once('end', () => timer.cancel()).once('close', () => timer.cancel())
  })
}

/** Whether there is a body is read from the message, not guessed from the method; what GET and HEAD carry means nothing and stays here. */
function bodyOf(raw: FastifyRequest['raw'], method: string): { stream: IncomingMessage; framing: Headers } | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined
  const http2 = (raw as unknown as Http2ServerRequest).stream as { endAfterHeaders?: boolean } | undefined
  const hasBody = http2 ? http2.endAfterHeaders !== true : valuesOf(raw.rawHeaders, 'transfer-encoding').length > 0
  const framing = bodyFraming(raw.rawHeaders, hasBody)
  return framing && { stream: raw, framing }
}

function sendFailure(reply: FastifyReply, failure: KubeFailure): void {
  if ((reply.raw as ServerResponse).destroyed) return
  void reply.code(failure.code).type('application/json').send(statusBody(failure))
}
