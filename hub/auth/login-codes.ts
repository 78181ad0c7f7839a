// One-time login codes: in memory, by hash, ten minutes, one use. A restart of the hub ends them all.
import { createHash } from 'node:crypto'
import type { Clock } from '#shared/clock/clock.ts'

export interface LoginUser {
  name: string
  groups: readonly string[]
}

export interface LoginCodes {
  create(user: LoginUser): string
  redeem(code: string): LoginUser | undefined
}

export const loginCodeLifetimeMs = 10 * 60 * 1000
/** More than this many open codes means that nobody uses them: the oldest go. */
const maxOpenCodes = 1000

export function createLoginCodes(clock: Clock, randomBytes: (count: number) => Uint8Array): LoginCodes {
  // Looked up by hash: the time of a look-up says nothing about a code.
  const open = new Map<string, { user: LoginUser; endsAtMs: number }>()
  const hash = (code: string) => createHash('sha256').update(code).digest('hex')

  function dropOld(): void {
    for (const [key, entry] of open) {
      if (entry.endsAtMs > clock.monotonicMs() && open.size <= maxOpenCodes) break
      open.delete(key)
    }
  }

  return {
    create(user) {
      const code = Buffer.from(randomBytes(24)).toString('base64url')
      open.set(hash(code), { user, endsAtMs: clock.monotonicMs() + loginCodeLifetimeMs })
      dropOld()
      return code
    },
    redeem(code) {
      if (typeof code !== 'string' || code.length > 128) return undefined
      const key = hash(code)
      const entry = open.get(key)
      open.delete(key)
      return entry && entry.endsAtMs > clock.monotonicMs() ? entry.user : undefined
    },
  }
}
