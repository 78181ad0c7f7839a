// Reads the server name and the protocols out of a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301)
// without consuming it. Pure; every length is checked, and nothing is allocated from a length that a stranger sent.

export type HelloResult =
  /** With fewer bytes than this in all, asking again cannot say more. */
  | { kind: 'incomplete'; atLeast: number }
  | { kind: 'hello'; serverName: string | undefined; protocols: string[] }
  /** The first bytes are the start of an HTTP request without TLS. */
  | { kind: 'plaintext' }
  | { kind: 'invalid' }

const handshakeRecord = 22
const clientHelloType = 1
const maxRecordBytes = 16_384 + 256
/** Real clients use one or two; without a limit, a hello cut into single bytes would be work to put together. */
const maxRecords = 64

export function parseClientHello(bytes: Buffer): HelloResult {
  if (bytes.length === 0) return { kind: 'incomplete', atLeast: 1 }
  if (bytes[0] !== handshakeRecord) return { kind: isHttpStart(bytes) ? 'plaintext' : 'invalid' }
  const fragments: Buffer[] = []
  let length = 0
  let wanted = -1
  let at = 0
  // A hello may be cut into several records; the handshake message is what they hold together.
  while (wanted < 0 || length < wanted) {
    if (fragments.length === maxRecords) return { kind: 'invalid' }
    if (bytes.length < at + 5) return { kind: 'incomplete', atLeast: at + 5 }
    const recordBytes = bytes.readUInt16BE(at + 3)
    if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3 || recordBytes === 0 || recordBytes > maxRecordBytes)
      return { kind: 'invalid' }
    const fragment = bytes.subarray(at + 5, at + 5 + recordBytes)
    fragments.push(fragment)
    length += fragment.length
    at += 5 + recordBytes
    if (wanted < 0 && length >= 4) {
      const head = fragments.length === 1 ? fragment : Buffer.concat(fragments)
      if (head[0] !== clientHelloType) return { kind: 'invalid' }
      wanted = 4 + head.readUIntBE(1, 3)
    }
    const missing = (wanted < 0 ? 4 : wanted) - length
    if (fragment.length < recordBytes && missing > 0) {
      return { kind: 'incomplete', atLeast: bytes.length + Math.min(missing, recordBytes - fragment.length) }
    }
  }
  try {
    return parseBody(Buffer.concat(fragments).subarray(4, wanted))
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'invalid' }
    throw error
  }
}

const isHttpStart = (bytes: Buffer): boolean => /^[A-Z]{1,8}( |$)/.test(bytes.toString('latin1', 0, 9))

/** Throws RangeError where a length leads outside of the message. */
function parseBody(body: Buffer): HelloResult {
  let at = 2 + 32
  at += 1 + body.readUInt8(at)
  at += 2 + body.readUInt16BE(at)
  at += 1 + body.readUInt8(at)
  if (at > body.length) throw new RangeError('outside of the message')
  // TLS 1.2 allows a hello without extensions.
  if (at === body.length) return { kind: 'hello', serverName: undefined, protocols: [] }
  const end = at + 2 + body.readUInt16BE(at)
  if (end > body.length) throw new RangeError('outside of the message')
  at += 2
  let serverName: string | undefined
  let protocols: string[] = []
  while (at < end) {
    const type = body.readUInt16BE(at)
    const next = at + 4 + body.readUInt16BE(at + 2)
    if (next > end) throw new RangeError('outside of the message')
    const extension = body.subarray(at + 4, next)
    if (type === 0) serverName = parseServerName(extension)
    if (type === 16) protocols = parseProtocols(extension)
    at = next
  }
  return { kind: 'hello', serverName, protocols }
}

function parseServerName(extension: Buffer): string | undefined {
  if (extension.length === 0) return undefined
  const nameBytes = extension.readUInt16BE(3)
  if (extension.readUInt8(2) !== 0) return undefined
  if (5 + nameBytes > extension.length) throw new RangeError('outside of the extension')
  return extension.toString('latin1', 5, 5 + nameBytes).toLowerCase()
}

function parseProtocols(extension: Buffer): string[] {
  const protocols: string[] = []
  let at = 2
  while (at < extension.length) {
    const length = extension.readUInt8(at)
    if (at + 1 + length > extension.length) throw new RangeError('outside of the extension')
    protocols.push(extension.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return protocols
}
