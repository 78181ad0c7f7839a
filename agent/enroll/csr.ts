// PKCS#10 (RFC 2986) in DER for an ECDSA P-256 key, with an empty subject: the hub takes nothing but the public key from it.
// Written out because Node cannot make requests and an ASN.1 package weighs more than the rest of the enrolment.
import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto'

const sequence = 0x30
const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex')

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}

export function publicKeyDer(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
}

export function createCsr(privateKey: KeyObject): Buffer {
  const version = der(0x02, Buffer.from([0]))
  const noSubject = der(sequence)
  const noAttributes = der(0xa0)
  const info = der(sequence, version, noSubject, publicKeyDer(privateKey), noAttributes)
  const signature = der(0x03, Buffer.from([0]), sign('sha256', info, privateKey))
  return der(sequence, info, der(sequence, ecdsaWithSha256), signature)
}

/** Lower-case hex SHA-256 of the public key: what both sides show, in groups of four digits. */
export function keyHash(privateKey: KeyObject): string {
  return createHash('sha256').update(publicKeyDer(privateKey)).digest('hex')
}

export function groupsOfFour(hex: string): string {
  return (hex.match(/.{1,4}/g) ?? []).join(' ')
}
