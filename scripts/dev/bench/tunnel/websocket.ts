// A multiplexer in the style of existing agents: numbered messages of up to 32 KiB in WebSocket frames (RFC 6455), masked by the
// side that dialled, pause and resume as messages. Just enough of it to be fair: no handshake, no fragments.
import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type StartCarrier, startAgentEnd, stop } from './carrier.ts'
import { startHubTls } from './hub-tls.ts'

const kinds = { open: 0, data: 1, end: 2, reset: 3, pause: 4, resume: 5 } as const
const messageBytes = 32 * 1024
const pauseAtBytes = 1024 * 1024

export class Multiplexer {
  readonly #socket: TLSSocket
  readonly #isMasking: boolean
  readonly #onOpen: (stream: MessageStream) => void
  readonly #streams = new Map<number, MessageStream>()
  #pending: Buffer = Buffer.alloc(0)
  #lastId = 0

  constructor(socket: TLSSocket, isMasking: boolean, onOpen: (stream: MessageStream) => void) {
    this.#socket = socket
    this.#isMasking = isMasking
    this.#onOpen = onOpen
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  open(): MessageStream {
    this.#lastId += 1
    const stream = this.#add(this.#lastId)
    this.send(kinds.open, this.#lastId)
    return stream
  }

  remove(id: number): void {
    this.#streams.delete(id)
  }

  send(kind: number, id: number, data: Buffer = Buffer.alloc(0), done?: () => void): void {
    const payload = Buffer.allocUnsafe(5 + data.length)
    payload[0] = kind
    payload.writeUInt32BE(id, 1)
    data.copy(payload, 5)
    const header = Buffer.alloc(payload.length < 126 ? 2 : 4)
    header[0] = 0x82
    if (payload.length < 126) header[1] = payload.length
    else {
      header[1] = 126
      header.writeUInt16BE(payload.length, 2)
    }
    if (!this.#isMasking) {
      this.#socket.write(Buffer.concat([header, payload]), done)
      return
    }
    header[1] = (header[1] as number) | 0x80
    const key = Buffer.from([id & 255, kind, 0x5a, 0xa5])
    mask(payload, key)
    this.#socket.write(Buffer.concat([header, key, payload]), done)
  }

  #add(id: number): MessageStream {
    const stream = new MessageStream(this, id)
    this.#streams.set(id, stream)
    return stream
  }

  #read(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    for (;;) {
      const bytes = this.#pending
      if (bytes.length < 2) return
      const second = bytes[1] as number
      const isLong = (second & 0x7f) === 126
      const isMasked = (second & 0x80) !== 0
      const head = 2 + (isLong ? 2 : 0)
      if (bytes.length < head + (isMasked ? 4 : 0)) return
      const start = head + (isMasked ? 4 : 0)
      const length = isLong ? bytes.readUInt16BE(2) : second & 0x7f
      if (bytes.length < start + length) return
      const payload = bytes.subarray(start, start + length)
      if (isMasked) mask(payload, bytes.subarray(head, start))
      this.#pending = bytes.subarray(start + length)
      this.#take(payload[0] as number, payload.readUInt32BE(1), payload.subarray(5))
    }
  }

  #take(kind: number, id: number, data: Buffer): void {
    if (kind === kinds.open) this.#onOpen(this.#add(id))
    else this.#streams.get(id)?.onMessage(kind, data)
  }
}

function mask(payload: Buffer, key: Buffer): void {
  for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] as number) ^ (key[at & 3] as number)
}

class MessageStream extends Duplex {
  readonly #multiplexer: Multiplexer
  readonly #id: number
  #isPausedByUs = false
  #isPausedByThem = false
  #resume: (() => void) | undefined

  constructor(multiplexer: Multiplexer, id: number) {
    super()
    this.#multiplexer = multiplexer
    this.#id = id
  }

  onMessage(kind: number, data: Buffer): void {
    if (kind === kinds.data) {
      this.push(data)
      if (this.readableLength > pauseAtBytes && !this.#isPausedByUs) {
        this.#isPausedByUs = true
        this.#multiplexer.send(kinds.pause, this.#id)
      }
    } else if (kind === kinds.end) this.push(null)
    else if (kind === kinds.reset) this.destroy()
    else {
      this.#isPausedByThem = kind === kinds.pause
      if (!this.#isPausedByThem) this.#resume?.()
    }
  }

  override _read(): void {
    if (!this.#isPausedByUs || this.readableLength > pauseAtBytes / 2) return
    this.#isPausedByUs = false
    this.#multiplexer.send(kinds.resume, this.#id)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const go = (): void => {
      this.#resume = undefined
      for (let at = 0; at < chunk.length; at += messageBytes) {
        const isLast = at + messageBytes >= chunk.length
        this.#multiplexer.send(kinds.data, this.#id, chunk.subarray(at, at + messageBytes), isLast ? done : undefined)
      }
    }
    if (this.#isPausedByThem) this.#resume = go
    else go()
  }

  override _final(done: () => void): void {
    this.#multiplexer.send(kinds.end, this.#id)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.readableEnded || !this.writableFinished) this.#multiplexer.send(kinds.reset, this.#id)
    this.#multiplexer.remove(this.#id)
    done(error)
  }
}

export const startWebSocket: StartCarrier = async ({ targetPort, line }) => {
  const connected = Promise.withResolvers<Multiplexer>()
  const hub = await startHubTls((socket) => connected.resolve(new Multiplexer(socket, false, (stream) => stream.destroy())))
  const agent = await startAgentEnd({ kind: 'websocket', hubPort: await line(hub.port), targetPort, fleetCa: hub.fleetCa, pins: hub.pins })
  const multiplexer = await connected.promise
  return {
    // Existing agents answer nothing when a connection is there: the first byte tells.
    open: async () => multiplexer.open(),
    pids: () => [agent.pid as number],
    ends: () => ({ hub: process.pid, agent: agent.pid as number }),
    async close() {
      await stop(agent)
      hub.close()
    },
  }
}
