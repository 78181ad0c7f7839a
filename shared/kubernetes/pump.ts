// Moves a body from one HTTP message to another: backpressure both ways, a clean end only for a clean end, nothing buffered.
import type { Readable, Writable } from 'node:stream'

/** What an incoming message says about itself beyond a stream; HTTP/2's has `stream`. */
interface Incoming extends Readable {
  readonly complete?: boolean
  readonly aborted?: boolean
  readonly stream?: { readonly rstCode?: number; readonly aborted?: boolean }
}

/** Node ends a body that was cut short like a whole one in some cases (HTTP/2 resets, a lost connection). */
export function isWhole(message: Incoming): boolean {
  if (message.aborted === true || message.complete === false || message.errored) return false
  return message.stream === undefined || ((message.stream.rstCode ?? 0) === 0 && message.stream.aborted !== true)
}

/** `breakOff` is called instead of an end when `from` did not come to its end. */
export function pump(from: Incoming, to: Writable, breakOff: (error: Error) => void): void {
  let isOver = false
  const fail = (error: Error) => {
    if (isOver) return
    isOver = true
    breakOff(error)
  }
  from.on('data', (chunk: Buffer) => {
    if (isOver || to.destroyed) return
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  // Nobody takes the rest any more (the other end answered before it had read all): it is let go, so that whoever sends it gets to the
  // answer instead of waiting for room.
  to.on('close', () => from.resume())
  from.on('end', () => {
    if (isOver) return
    if (!isWhole(from)) return fail(new Error('the body was cut short'))
    isOver = true
    to.end()
  })
  from.on('error', fail)
  from.on('aborted', () => fail(new Error('the body was cut short')))
  from.on('close', () => fail(new Error('the body was cut short')))
}
