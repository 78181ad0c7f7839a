// Seals and opens single fields. AES-256-GCM with a random nonce; object and field are authenticated with it, so that a ciphertext that is
// moved to another object or field does not open there.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { SealingKey } from './key.ts'

export interface Vault {
  readonly keyId: string
  seal(uid: string, field: string, text: string): string
  /** Undefined: sealed with another key, moved or damaged. */
  open(uid: string, field: string, sealed: string): string | undefined
  /** Whether this key has sealed it. */
  isOwn(sealed: string): boolean
}

const version = 'v1'
const nonceBytes = 12
const tagBytes = 16
const cipher = 'aes-256-gcm'

export function createVault({ bytes, id }: SealingKey, randomBytes: (count: number) => Uint8Array): Vault {
  const prefix = `${version}:${id}:`
  const context = (uid: string, field: string) => Buffer.from(JSON.stringify(['Credential', uid, field]))
  const isOwn = (sealed: string) => sealed.startsWith(prefix)
  return {
    keyId: id,
    isOwn,
    seal(uid, field, text) {
      const nonce = randomBytes(nonceBytes)
      const encrypting = createCipheriv(cipher, bytes, nonce, { authTagLength: tagBytes }).setAAD(context(uid, field))
      const parts = [nonce, encrypting.update(text, 'utf8'), encrypting.final(), encrypting.getAuthTag()]
      return prefix + Buffer.concat(parts).toString('base64')
    },
    open(uid, field, sealed) {
      if (!isOwn(sealed)) return undefined
      const all = Buffer.from(sealed.slice(prefix.length), 'base64')
      if (all.length < nonceBytes + tagBytes) return undefined
      const decrypting = createDecipheriv(cipher, bytes, all.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decrypting.setAAD(context(uid, field)).setAuthTag(all.subarray(-tagBytes))
      try {
        return decrypting.update(all.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decrypting.final('utf8')
      } catch {
        // The tag does not fit: there is nothing more to say about it.
        return undefined
      }
    },
  }
}
