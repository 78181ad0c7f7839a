// The head of an HTTP/1.1 answer in bytes, for sockets that an upgrade has taken from their HTTP server.
import type { Readable } from 'node:stream'
import type { Headers } from './headers.ts'

/** Values come from a parsed message or from here; a line break in one would begin another field, so it throws. */
export function headBytes(status: number, text: string, headers: Headers): Buffer {
  const lines = [`HTTP/1.1 ${status} ${text}`]
  for (const [name, values] of Object.entries(headers)) for (const value of [values].flat()) lines.push(`${name}: ${value}`)
  if (lines.some((line) => /[\r\n\0]/.test(line))) throw new Error('a header field has a line break')
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

export const maxRefusalBytes = 256 * 1024

/** The body of a refused upgrade: small, so it is read whole and sent on with its length. @throws when it is cut short or too long */
export async function readRefusal(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxRefusalBytes) throw new Error(`the answer to the upgrade is longer than ${maxRefusalBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
