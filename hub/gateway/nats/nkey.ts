// NATS keys (nkeys) on node:crypto: the library's own ed25519 is JavaScript and costs milliseconds per operation, which ten
// thousand connects in a minute would feel.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { fromPublic, fromSeed, type KeyPair } from '@nats-io/jwt'
import { decodeBase32 } from '#shared/nkeys/base32.ts'

// Fixed DER headers before the 32 bytes of a key (RFC 8410).
const pkcs8Header = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiHeader = Buffer.from('302a300506032b6570032100', 'hex')

/** A key pair of the library whose signatures are made by node:crypto and whose halves are worked out once, not on every use. */
export function keyPairFromSeed(seed: string): KeyPair {
  const pair = fromSeed(Buffer.from(seed))
  // Two bytes of prefix, 32 of seed, two of checksum.
  const der = Buffer.concat([pkcs8Header, decodeBase32(seed).subarray(2, 34)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const [publicKey, privateKey] = [pair.getPublicKey(), pair.getPrivateKey()]
  pair.getPublicKey = () => publicKey
  pair.getPrivateKey = () => privateKey
  pair.sign = (input: Uint8Array) => sign(null, input, key)
  return pair
}

/** Checks the form and the checksum of a user's public key. */
export function isUserPublicKey(text: string): boolean {
  if (!/^U[A-Z2-7]{55}$/.test(text)) return false
  try {
    fromPublic(text)
    return true
  } catch {
    return false
  }
}

export interface Verifier {
  publicKey: string
  verify(data: Uint8Array, signature: Uint8Array): boolean
}

export function verifierFor(publicKey: string): Verifier {
  // One byte of prefix, 32 of key, two of checksum.
  const der = Buffer.concat([spkiHeader, decodeBase32(publicKey).subarray(1, 33)])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return { publicKey, verify: (data, signature) => signature.length === 64 && verify(null, data, key, signature) }
}
