// Frames of the terminal's wire: made here, and read here from chunks of any size. What is not within the limits throws.
import type { TSchema, Static } from 'typebox'
import Value from 'typebox/value'
import { type FrameType, frameTypes, terminalLimits } from '#shared/contract/terminal.ts'
import { JsonRefused, parseJson } from '#shared/schema/safe-json.ts'

const headerBytes = 5
const known: ReadonlySet<number> = new Set(Object.values(frameTypes))

/** The other side does not keep to the protocol: the stream is broken off. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

export function frame(type: FrameType, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(headerBytes)
  head[0] = type
  head.writeUInt32BE(payload.length, 1)
  return Buffer.concat([head, payload])
}

export const jsonFrame = (type: FrameType, value: object): Buffer => frame(type, Buffer.from(JSON.stringify(value)))

export function creditFrame(type: FrameType, bytes: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes)
  return frame(type, payload)
}

/** @throws FrameError */
export function readCredit(payload: Buffer): number {
  if (payload.length !== 4) throw new FrameError('a credit is four bytes')
  return payload.readUInt32BE()
}

/** @throws FrameError */
export function readJson<Schema extends TSchema>(schema: Schema, payload: Buffer): Static<Schema> {
  let value: unknown
  try {
    value = parseJson(payload, { maxBytes: terminalLimits.frameBytes, maxDepth: 4 })
  } catch (error) {
    if (error instanceof JsonRefused) throw new FrameError(error.message)
    throw error
  }
  if (!Value.Check(schema, value)) throw new FrameError('a frame has fields of another form')
  return value as Static<Schema>
}

/**
 * Returns what takes the chunks of a stream. Holds no more than one frame.
 * @throws FrameError, and whatever `onFrame` throws
 */
export function frameReader(onFrame: (type: FrameType, payload: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer[] = []
  let heldBytes = 0
  let wantedBytes = headerBytes
  return (chunk) => {
    held.push(chunk)
    heldBytes += chunk.length
    // One byte at a time must not cost a copy of the whole frame each.
    if (heldBytes < wantedBytes) return
    let data = held.length === 1 ? chunk : Buffer.concat(held)
    for (;;) {
      wantedBytes = headerBytes
      if (data.length < headerBytes) break
      const type = data[0] as FrameType
      const length = data.readUInt32BE(1)
      if (!known.has(type)) throw new FrameError(`a frame of the unknown type ${type}`)
      if (length > terminalLimits.frameBytes) throw new FrameError(`a frame of ${length} bytes`)
      wantedBytes = headerBytes + length
      if (data.length < wantedBytes) break
      const payload = data.subarray(headerBytes, wantedBytes)
      data = data.subarray(wantedBytes)
      onFrame(type, payload)
    }
    held = data.length > 0 ? [data] : []
    heldBytes = data.length
  }
}
