// One tunnel stream as both ends use it: a Duplex over an HTTP/2 stream that ends cleanly only when the other end finished, and
// fails in every other case, so that half a file is never taken for the whole.
//
// Node's HTTP/2 streams do not have that property: close(code) sends END_STREAM before the reset, and a lost connection emits
// 'end' too. So a stream is broken off with destroy(error) only, and an 'end' counts only without a reset code.
import { Duplex } from 'node:stream'
import { TunnelError } from '#shared/errors/tunnel-error.ts'

/** What this needs of node:http2's Http2Stream. */
export interface SourceStream extends Duplex {
  readonly aborted: boolean
  readonly rstCode: number
  readonly session: { readonly destroyed: boolean; readonly closed: boolean } | undefined
}

/** Streams see an AbortError as CANCEL, anything else as INTERNAL_ERROR. */
function cancellation(): Error {
  const error = new Error('the stream is not needed any more')
  error.name = 'AbortError'
  return error
}

/** What one stream may hold on its way into the connection. */
const inFlightBytes = 128 * 1024

export class TunnelStream extends Duplex {
  readonly #source: SourceStream
  readonly #session: SourceStream['session']
  #isEndSeen = false
  #isCorked = false
  #waiting: (() => void) | undefined

  constructor(source: SourceStream) {
    super({ allowHalfOpen: true, autoDestroy: true, decodeStrings: true })
    this.#source = source
    // A stream forgets its connection when it is destroyed.
    this.#session = source.session
    source.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) source.pause()
    })
    source.on('end', () => {
      // A reset with code 0 after our own end would look the same; neither end of this tunnel ever sends one.
      if (source.aborted || source.rstCode !== 0 || source.destroyed || this.#session?.destroyed !== false) return
      this.#isEndSeen = true
      this.push(null)
    })
    source.on('error', (error: Error) => this.destroy(this.#failure(error)))
    source.on('close', () => {
      if (this.#isEndSeen && this.writableEnded && source.rstCode === 0) return
      this.destroy(this.#failure())
    })
  }

  /** Bytes that have arrived and were not read. */
  get unreadBytes(): number {
    return this.readableLength + this.#source.readableLength
  }

  #failure(cause?: Error): TunnelError {
    const { rstCode } = this.#source
    // Every stream gets a code when its connection goes, too.
    return this.#session?.destroyed === false && !this.#session.closed && rstCode !== 0
      ? new TunnelError('Reset', `the other end broke the stream off (HTTP/2 code ${rstCode})`, cause)
      : new TunnelError('Lost', 'the tunnel stream has ended without its end', cause)
  }

  override _read(): void {
    this.#source.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const source = this.#source
    // It takes no more, and would say so only later: a writer that goes on at each 'drain' would never let that moment come.
    if (source.destroyed) return done(this.#failure())
    // TLS and sockets deliver 16 KiB at a time: what comes in one turn of the event loop leaves in one write.
    if (!this.#isCorked) {
      this.#isCorked = true
      source.cork()
      setImmediate(() => {
        this.#isCorked = false
        source.uncork()
      })
    }
    source.write(chunk, (error) => {
      if (error) return
      const waiting = this.#waiting
      if (waiting === undefined || source.writableLength >= inFlightBytes) return
      this.#waiting = undefined
      waiting()
    })
    // While one write is on its way the next one gathers: waiting for each would leave the line idle in between.
    if (source.writableLength < inFlightBytes) done()
    else this.#waiting = done
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#source.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const isComplete = this.#isEndSeen && this.writableFinished
    // A complete stream closes by itself; a reset now would overtake what is still on its way.
    if (!isComplete && !this.#source.destroyed) this.#source.destroy(error ?? cancellation())
    done(error)
  }
}
