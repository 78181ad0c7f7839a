// Kubernetes' channels inside a WebSocket: the first byte of a binary message says which stream the rest belongs to.
import Value from 'typebox/value'
import Type from 'typebox'
import { terminalLimits } from '#shared/contract/terminal.ts'
import { parseJson } from '#shared/schema/safe-json.ts'

export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, acknowledge: 5, close: 255 } as const

/** As kubectl sends it; further fields are none of ours. */
const Resize = Type.Object({ Width: Type.Integer({ minimum: 0, maximum: 65_535 }), Height: Type.Integer({ minimum: 0, maximum: 65_535 }) })

export type ClientMessage =
  | { kind: 'input'; data: Buffer }
  | { kind: 'inputEnd' }
  | { kind: 'resize'; columns: number; rows: number }
  | { kind: 'acknowledge'; bytes: number }
  | { kind: 'nothing' }

/** @throws Error what is wrong with it */
export function readMessage(message: Buffer, isOwnProtocol: boolean): ClientMessage {
  const data = message.subarray(1)
  switch (message[0]) {
    case channels.stdin:
      return { kind: 'input', data }
    case channels.resize:
      return readResize(data)
    case channels.acknowledge:
      if (!isOwnProtocol || data.length !== 4) throw new Error('an acknowledgement is four bytes, and only of the own protocol')
      return { kind: 'acknowledge', bytes: data.readUInt32BE() }
    case channels.close:
      // Only closing the input means something: the others are ours to close.
      return data.length === 1 && data[0] === channels.stdin ? { kind: 'inputEnd' } : { kind: 'nothing' }
    case undefined:
      return { kind: 'nothing' }
    default:
      throw new Error(`a message on the channel ${message[0]}`)
  }
}

function readResize(data: Buffer): ClientMessage {
  const value = parseJson(data, { maxBytes: 256, maxDepth: 2 })
  if (!Value.Check(Resize, value)) throw new Error('a size of another form')
  // Terminals that are not laid out yet say 0.
  if (value.Width === 0 || value.Height === 0) return { kind: 'nothing' }
  return { kind: 'resize', columns: Math.min(value.Width, terminalLimits.columns), rows: Math.min(value.Height, terminalLimits.rows) }
}

export function onChannel(channel: number, data: Uint8Array | string): Buffer {
  return Buffer.concat([Buffer.from([channel]), typeof data === 'string' ? Buffer.from(data) : data])
}
