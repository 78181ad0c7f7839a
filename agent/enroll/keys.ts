// The two keys of an identity, made on this machine and never sent: the certificate's (ECDSA P-256) and the NATS user's (ed25519).
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createUser, fromSeed } from '@nats-io/nkeys'
import { createCsr, keyHash } from '#agent/enroll/csr.ts'

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
    natsSeed: Buffer.from(createUser().getSeed()).toString('ascii'),
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
  return { csr: createCsr(key), natsPublicKey: fromSeed(Buffer.from(keys.natsSeed)).getPublicKey(), keyHash: keyHash(key) }
}
