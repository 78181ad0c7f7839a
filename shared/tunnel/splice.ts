// Joins a stream and a TCP socket so that each end of one is an end of the other, and each failure a failure: half-close travels
// as half-close, a broken side breaks the other one with a reset, never with a clean end.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** `socket` must have been made with allowHalfOpen; it may be a TLS socket. Both belong to this from now on. */
export function splice(stream: Duplex, socket: Duplex): void {
  forward(stream, merged(socket), socket)
  forward(socket, (chunk) => stream.write(chunk), stream)
  stream.on('end', () => socket.end())
  socket.on('end', () => stream.end())
  // 'close' follows every error, and is what decides.
  stream.on('error', () => breakOff(socket))
  socket.on('error', (error) => stream.destroy(error))
  stream.on('close', () => {
    if (!stream.readableEnded || !stream.writableFinished) breakOff(socket)
  })
  socket.on('close', () => {
    if (!socket.readableEnded || !socket.writableFinished) stream.destroy(new Error('the local connection has ended without its end'))
  })
  if (stream.destroyed) breakOff(socket)
  else if (socket.destroyed) stream.destroy(new Error('the local connection is gone'))
}

/** A TLS socket cannot be reset: it goes without close_notify, which tells its peer as much. */
function breakOff(socket: Duplex): void {
  if ('resetAndDestroy' in socket && !('encrypted' in socket)) (socket as Socket).resetAndDestroy()
  else socket.destroy()
}

function forward(from: Duplex, write: (chunk: Buffer) => boolean, to: Duplex): void {
  from.on('data', (chunk: Buffer) => {
    if (!to.writable) return
    if (!write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
}

/** Chunks of one turn of the event loop go out with one system call. */
function merged(socket: Duplex): (chunk: Buffer) => boolean {
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
