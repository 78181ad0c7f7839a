// Bearer secrets: shown once, stored as a hash. The secret part has 160 random bits, so a plain SHA-256 is enough and a look-up by hash is safe.
import { createHash } from 'node:crypto'

/** mlj: join token, mla: access token. The id is for people and logs: it tells which token it was without telling the secret. */
export const tokenPattern = /^ml[aj]_[a-z2-7]{8}_[a-z2-7]{32}$/

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(value >>> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return text
}

export function newToken(prefix: 'mlj' | 'mla', randomBytes: (count: number) => Uint8Array): string {
  return `${prefix}_${base32(randomBytes(5))}_${base32(randomBytes(20))}`
}

/** SHA-256 (hex) of the whole token, which is what status.tokenHash holds. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
