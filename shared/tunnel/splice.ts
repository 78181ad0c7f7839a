// Joins a stream and a TCP socket so that each end of one is an end of the other, and each failure a failure: half-close travels
// as half-close, a broken side breaks the other one with a reset, never with a clean end.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** `socket` must have been made with allowHalfOpen. Both belong to this from now on. */
export function splice(stream: Duplex, socket: Socket): void {
  forward(stream, merged(socket), socket)
  forward(socket, (chunk) => stream.write(chunk), stream)
  stream.on('end', () => socket.end())
  socket.on('end', () => stream.end())
  // 'close' follows every error, and is what decides.
  stream.on('error', () => socket.resetAndDestroy())
  socket.on('error', (error) => stream.destroy(error))
  stream.on('close', () => {
    if (!stream.readableEnded || !stream.writableFinished) socket.resetAndDestroy()
  })
  socket.on('close', () => {
    if (!socket.readableEnded || !socket.writableFinished) stream.destroy(new Error('the local connection has ended without its end'))
  })
  if (stream.destroyed) socket.resetAndDestroy()
  else if (socket.destroyed) stream.destroy(new Error('the local connection is gone'))
}

function forward(from: Duplex, write: (chunk: Buffer) => boolean, to: Duplex): void {
  from.on('data', (chunk: Buffer) => {
    if (!to.writable) return
    if (!write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
}

/** Chunks of one turn of the event loop go out with one system call. */
function merged(socket: Socket): (chunk: Buffer) => boolean {
  let isCorked = false
  return (chunk) => {
    if (!isCorked) {
      isCorked = true
      socket.cork()
      setImmediate(() => {
        isCorked = false
        socket.uncork()
      })
    }
    return socket.write(chunk)
  }
}
