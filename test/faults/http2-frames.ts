// HTTP/2 frames by hand (RFC 9113 section 4), for what no client library sends: header blocks that it would refuse to write, floods
// of small frames, and bytes that stop in the middle.
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const
export const frameFlag = { endStream: 1, ack: 1, endHeaders: 4 } as const

export function frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

/** Literal fields without indexing and without Huffman codes (RFC 7541 section 6.2.2): every byte goes out as it is given. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  const length: number[] = []
  if (bytes.length < 127) length.push(bytes.length)
  else {
    length.push(127)
    let rest = bytes.length - 127
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

export const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameType.settings, 0, 0)])

export interface Frame {
  type: number
  flags: number
  streamId: number
  payload: Buffer
}

export interface FrameClient {
  socket: TLSSocket
  frames: Frame[]
  /** Resolves when the other side has ended the connection. */
  closed: Promise<void>
  send(...frames: Buffer[]): boolean
}

/** A TLS connection with `h2` agreed and the preface sent; it answers SETTINGS and keeps every other frame. */
export async function connectFrames(options: { port: number; ca: string }): Promise<FrameClient> {
  const socket = connect({ ...options, host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['h2'] })
  socket.on('error', () => socket.destroy())
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'secureConnect')
  const frames: Frame[] = []
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      const got = { type: rest[3] ?? 0, flags: rest[4] ?? 0, streamId: rest.readUInt32BE(5), payload: rest.subarray(9, end) }
      rest = rest.subarray(end)
      frames.push(got)
      if (got.type === frameType.settings && got.flags === 0) socket.write(frame(frameType.settings, frameFlag.ack, 0))
    }
  })
  socket.write(preface)
  return { socket, frames, closed, send: (...list) => !socket.destroyed && socket.write(Buffer.concat(list)) }
}
