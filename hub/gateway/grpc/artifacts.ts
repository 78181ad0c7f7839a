// Streams a file to an agent in 64 KiB messages, from an offset, at the speed the agent reads.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { type ServerWritableStream, status } from '@grpc/grpc-js'
import { ArtifactServiceService, type FetchRequest, type FetchResponse } from '#proto/moorline/v1/procedures.ts'
import { limits } from '#shared/contract/limits.ts'
import { CallError } from './errors.ts'
import { writeMessage } from './stream.ts'

const namePattern = /^[a-z0-9][a-z0-9._-]{0,127}$/i

/** The generated codec copies the bytes once more than needed and costs 1.9 times the CPU; these three fields are written by hand. */
function serializeResponse({ offset, data, totalBytes }: FetchResponse): Buffer {
  const head = new BinaryWriter()
  if (offset !== 0n) head.uint32(8).uint64(offset)
  if (totalBytes !== 0n) head.uint32(24).uint64(totalBytes)
  if (data.length === 0) return Buffer.from(head.finish())
  head.uint32(18).uint32(data.length)
  return Buffer.concat([head.finish(), data])
}

export const artifactServiceDefinition = {
  fetch: { ...ArtifactServiceService.fetch, responseSerialize: serializeResponse },
} as const

interface Digest {
  sizeBytes: number
  modifiedMs: number
  sha256: Promise<string>
}

export interface Artifacts {
  /** Writes the stream's messages. Throws CallError before or in the middle of it. */
  send(call: ServerWritableStream<FetchRequest, FetchResponse>): Promise<void>
}

export function createArtifacts(pathOf: (name: string) => string | undefined): Artifacts {
  const digests = new Map<string, Digest>()

  /** Hashed once per file as it stands; a file that changes is hashed again. */
  const digestOf = async (path: string, handle: FileHandle): Promise<{ sha256: string; sizeBytes: number }> => {
    const { size, mtimeMs } = await handle.stat()
    const known = digests.get(path)
    if (known?.sizeBytes === size && known.modifiedMs === mtimeMs) return { sha256: await known.sha256, sizeBytes: size }
    const hash = createHash('sha256')
    const sha256 = pipeline(createReadStream(path), hash).then(() => hash.digest('hex'))
    digests.set(path, { sizeBytes: size, modifiedMs: mtimeMs, sha256 })
    sha256.catch(() => digests.delete(path))
    return { sha256: await sha256, sizeBytes: size }
  }

  return {
    async send(call) {
      const { name, sha256, offset } = call.request
      const path = namePattern.test(name) ? pathOf(name) : undefined
      if (path === undefined) throw new CallError(status.NOT_FOUND, 'There is no artifact of that name.')
      const handle = await open(path, 'r').catch(() => {
        throw new CallError(status.NOT_FOUND, 'The artifact is not there any more.')
      })
      try {
        const file = await digestOf(path, handle)
        if (file.sha256 !== sha256)
          throw new CallError(status.FAILED_PRECONDITION, 'The artifact has another digest; ask for the current one.')
        if (offset > BigInt(file.sizeBytes)) throw new CallError(status.OUT_OF_RANGE, `The artifact has ${file.sizeBytes} bytes.`)
        await stream(call, handle, Number(offset), file.sizeBytes)
      } finally {
        await handle.close()
      }
    },
  }
}

async function stream(
  call: ServerWritableStream<FetchRequest, FetchResponse>,
  handle: FileHandle,
  from: number,
  sizeBytes: number,
): Promise<void> {
  let at = from
  do {
    const length = Math.min(limits.artifactChunkBytes, sizeBytes - at)
    const buffer = Buffer.allocUnsafe(length)
    const { bytesRead } = length === 0 ? { bytesRead: 0 } : await handle.read(buffer, 0, length, at)
    if (bytesRead < length) throw new CallError(status.ABORTED, 'The artifact became shorter while it was sent.')
    if (!(await writeMessage(call, { offset: BigInt(at), data: buffer, totalBytes: BigInt(sizeBytes) }))) return
    at += length
  } while (at < sizeBytes)
}
