// One file out of a zip archive, so that no unzip program is needed. Formats: PKWARE APPNOTE 4.3.7, 4.3.12, 4.3.16.
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { inflateRaw } from 'node:zlib'

const endSignature = 0x06054b50
const entrySignature = 0x02014b50
const maxCommentBytes = 65_535
const endRecordBytes = 22

/** Content of `name` in the archive at `path`; throws when it is not there or is stored in an unusual way. */
export async function readZipEntry(path: string, name: string): Promise<Buffer> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const read = async (position: number, length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
      if (bytesRead !== length) throw new Error(`${path} ends early`)
      return buffer
    }
    const tailBytes = Math.min(size, maxCommentBytes + endRecordBytes)
    const tail = await read(size - tailBytes, tailBytes)
    let end = tail.length - endRecordBytes
    while (end >= 0 && tail.readUInt32LE(end) !== endSignature) end--
    if (end < 0) throw new Error(`${path} is not a zip archive`)
    const directory = await read(tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12))
    for (let at = 0; at < directory.length && directory.readUInt32LE(at) === entrySignature; ) {
      const nameBytes = directory.readUInt16LE(at + 28)
      if (directory.toString('utf8', at + 46, at + 46 + nameBytes) === name) {
        const method = directory.readUInt16LE(at + 10)
        const start = directory.readUInt32LE(at + 42)
        const local = await read(start, 30)
        const data = await read(start + 30 + local.readUInt16LE(26) + local.readUInt16LE(28), directory.readUInt32LE(at + 20))
        if (method === 0) return data
        if (method === 8) return await promisify(inflateRaw)(data)
        throw new Error(`${name} in ${path} is compressed by method ${method}, which is not supported`)
      }
      at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
    }
    throw new Error(`${path} has no entry ${name}`)
  } finally {
    await file.close()
  }
}
