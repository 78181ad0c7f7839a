// Waits for the ClientHello of one raw socket and gives every byte back. A client that sends nothing, slowly or too much
// costs its own timeout and a buffer of at most 16 KiB.
import type { Socket } from 'node:net'
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { parseClientHello } from './client-hello.ts'

export type PeekResult =
  | { kind: 'hello'; serverName: string | undefined; protocols: string[] }
  | { kind: 'refused'; reason: 'Plaintext' | 'NotTls' | 'HelloTooLarge' | 'HelloTimeout' | 'Closed' }

const plaintextBody = 'This port speaks TLS only: use https://\n'
const plaintextAnswer = [
  'HTTP/1.1 400 Bad Request',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${plaintextBody.length}`,
  'Connection: close',
  '',
  plaintextBody,
].join('\r\n')

/** Calls `done` once. After a refusal the socket is closed; after a hello it stands as if nobody had read from it. */
export function peekClientHello(socket: Socket, clock: Clock, done: (result: PeekResult) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  let atLeast = 1
  // What came while this process was busy is read first: it stood still, not the client.
  let late: NodeJS.Immediate | undefined
  const timer = clock.setTimer(limits.clientHelloTimeoutMs, () => (late = setImmediate(refuse, 'HelloTimeout')), true)
  const detach = (): void => {
    timer.cancel()
    clearImmediate(late)
    socket.off('readable', onReadable)
    socket.off('error', onGone)
    socket.off('close', onGone)
    socket.off('end', onGone)
  }
  const refuse = (reason: Extract<PeekResult, { kind: 'refused' }>['reason']): void => {
    detach()
    // Whatever the socket still says is of no interest.
    socket.on('error', () => {})
    if (reason === 'Plaintext') socket.end(plaintextAnswer, () => socket.destroy())
    else socket.destroy()
    done({ kind: 'refused', reason })
  }
  const onGone = (): void => refuse('Closed')
  const onReadable = (): void => {
    for (;;) {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) break
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    }
    if (bytes.length < atLeast) {
      if (bytes.length >= limits.clientHelloBytes) refuse('HelloTooLarge')
      return
    }
    const result = parseClientHello(bytes)
    switch (result.kind) {
      case 'incomplete':
        atLeast = result.atLeast
        if (bytes.length >= limits.clientHelloBytes) refuse('HelloTooLarge')
        return
      case 'plaintext':
        return refuse('Plaintext')
      case 'invalid':
        return refuse('NotTls')
      default:
        detach()
        socket.unshift(bytes)
        done(result)
    }
  }
  socket.on('readable', onReadable)
  socket.on('error', onGone)
  socket.on('close', onGone)
  socket.on('end', onGone)
}
