// NATS user keys (nkeys) on node:crypto. The usual library's ed25519 is JavaScript and costs milliseconds per operation, which a
// fleet that reconnects at once would feel. Format: github.com/nats-io/nkeys, "Encoding": prefix, 32 bytes, CRC-16/XMODEM.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { decodeBase32, encodeBase32 } from './base32.ts'

const seedPrefix = 18 << 3
const userPrefix = 20 << 3
// Fixed DER headers before the 32 bytes of a key (RFC 8410).
const pkcs8Header = Buffer.from('302e020100300506032b657004220420', 'hex')
const rawKeyBytes = 32

function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

function encode(prefix: readonly number[], raw: Uint8Array): string {
  const body = Buffer.concat([Buffer.from(prefix), raw])
  const crc = crc16(body)
  return encodeBase32(Buffer.concat([body, Buffer.from([crc & 0xff, crc >> 8])]))
}

/** "SU…", 58 characters. */
export function createUserSeed(): string {
  const { privateKey } = generateKeyPairSync('ed25519')
  const raw = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-rawKeyBytes)
  return encode([seedPrefix | (userPrefix >> 5), (userPrefix & 31) << 3], raw)
}

export interface UserKey {
  /** "U…", 56 characters. */
  publicKey: string
  sign(data: Uint8Array): Buffer
}

/** @throws Error when it is not the seed of a user key */
export function openUserSeed(seed: string): UserKey {
  const bytes = decodeBase32(seed)
  const body = bytes.subarray(0, -2)
  const isUserSeed = bytes.length === 36 && bytes[0] === (seedPrefix | (userPrefix >> 5)) && bytes[1] === (userPrefix & 31) << 3
  if (!isUserSeed || bytes.readUInt16LE(34) !== crc16(body)) throw new Error('not the seed of a NATS user key')
  const key: KeyObject = createPrivateKey({ key: Buffer.concat([pkcs8Header, body.subarray(2)]), format: 'der', type: 'pkcs8' })
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-rawKeyBytes)
  return { publicKey: encode([userPrefix], raw), sign: (data) => sign(null, data, key) }
}
