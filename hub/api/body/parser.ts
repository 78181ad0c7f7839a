// Reads a request's body: at most 3 MiB, within a deadline, JSON or YAML by content type.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { parseJson, parseYaml } from './safe-parse.ts'

const jsonTypes = [
  'application/json',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
]
const yamlTypes = ['application/yaml', 'application/apply-patch+yaml', 'text/yaml']

export function registerBodyParser(app: FastifyInstance, clock: Clock, timeoutMs: number): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    request.bodyType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
    const text = await readText(payload, Number(request.headers['content-length'] ?? 0), clock, timeoutMs)
    if (text.trim() === '') return undefined
    if (jsonTypes.includes(request.bodyType)) return parseJson(text)
    if (yamlTypes.includes(request.bodyType)) return parseYaml(text)
    throw new ApiError(
      'UnsupportedMediaType',
      `the content type ${request.bodyType || '(none)'} is not supported; send application/json or application/yaml`,
    )
  })
}

function readText(payload: IncomingMessage, declaredBytes: number, clock: Clock, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const finish = (error?: Error) => {
      timer.cancel()
      payload.off('data', onData)
      payload.off('end', onEnd)
      payload.off('close', onClose)
      if (!error) return
      // The rest is thrown away as it comes; the connection ends if it comes for long.
      payload.resume()
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > limits.apiBodyBytes) return finish(tooLarge())
      chunks.push(chunk)
    }
    const onEnd = () => {
      finish()
      try {
        resolve(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
      } catch {
        reject(new ApiError('BadRequest', 'the body is not valid UTF-8'))
      }
    }
    const onClose = () => finish(new ApiError('BadRequest', 'the request ended before its body did'))
    const timer = clock.setTimer(
      timeoutMs,
      () => finish(new ApiError('BadRequest', `the body did not arrive within ${timeoutMs / 1000} s`)),
      true,
    )
    payload.once('error', finish)
    if (declaredBytes > limits.apiBodyBytes) return finish(tooLarge())
    payload.on('data', onData)
    payload.once('end', onEnd)
    payload.once('close', onClose)
  })
}

function tooLarge(): ApiError {
  return new ApiError('RequestEntityTooLarge', `the body is over the limit of ${limits.apiBodyBytes} bytes`)
}
