// PKCS#10 requests come from machines nobody trusts yet: parse, verify, keep the public key, drop the rest.
import 'reflect-metadata'
import { createHash, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { ApiError } from '#shared/errors/api-error.ts'
import type { VerifiedCsr } from './types.ts'

const maxCsrBytes = 4096

export const sha256Hex = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')
export const pinOf = (spkiDer: Uint8Array): string => createHash('sha256').update(spkiDer).digest('base64')
/** `1a2b 3c4d …`: sixteen groups that two people can compare by eye. */
export const fingerprintOf = (publicKeyHash: string): string => (publicKeyHash.match(/.{4}/g) ?? []).join(' ')

/** Parses a CSR and checks its signature. Throws ApiError Invalid for anything but a correct P-256 request. */
export async function verifyCsr(csrDer: Uint8Array): Promise<VerifiedCsr> {
  if (csrDer.length === 0 || csrDer.length > maxCsrBytes) throw invalid(`it has ${csrDer.length} bytes, allowed are 1 to ${maxCsrBytes}`)
  let csr: x509.Pkcs10CertificateRequest
  let spki: Uint8Array<ArrayBuffer>
  try {
    csr = new x509.Pkcs10CertificateRequest(new Uint8Array(csrDer))
    spki = new Uint8Array(csr.publicKey.rawData)
  } catch (cause) {
    throw invalid('it is not a PKCS#10 request in DER', cause)
  }
  const algorithm = csr.publicKey.algorithm as { name?: string; namedCurve?: string }
  if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') throw invalid('its key is not ECDSA P-256')
  let publicKey: webcrypto.CryptoKey
  let isSigned: boolean
  try {
    publicKey = await webcrypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify'])
    isSigned = await csr.verify()
  } catch (cause) {
    throw invalid('its key or signature cannot be read', cause)
  }
  if (!isSigned) throw invalid('it is not signed by the key in it')
  // Hashed from the re-encoded key: two encodings of one key must not be two fingerprints.
  const publicKeyHash = sha256Hex(new Uint8Array(await webcrypto.subtle.exportKey('spki', publicKey)))
  return { publicKey, publicKeyHash, fingerprint: fingerprintOf(publicKeyHash) }
}

function invalid(why: string, cause?: unknown): ApiError {
  return new ApiError('Invalid', `The certificate request was refused: ${why}.`, { cause, causes: [{ field: 'csr', message: why }] })
}
