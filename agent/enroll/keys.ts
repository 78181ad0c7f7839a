// The two keys of an identity, made on this machine and never sent: the certificate's (ECDSA P-256) and the NATS user's (ed25519).
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createCsr, keyHash } from '#agent/enroll/csr.ts'
import { createUserSeed, openUserSeed } from '#shared/nkeys/user-key.ts'

export interface Keys {
  /** PKCS#8 PEM. */
  privateKey: string
  /** "SU…" */
  natsSeed: string
}

export function createKeys(): Keys {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    natsSeed: createUserSeed(),
  }
}

export interface PublicHalf {
  csr: Buffer
  /** "U…" */
  natsPublicKey: string
  /** Lower-case hex SHA-256 of the certificate's public key. */
  keyHash: string
}

export function publicHalf(keys: Keys): PublicHalf {
  const key: KeyObject = createPrivateKey(keys.privateKey)
  return { csr: createCsr(key), natsPublicKey: openUserSeed(keys.natsSeed).publicKey, keyHash: keyHash(key) }
}
