// Which NATS users each agent has been given, and which are revoked. On disk, because the hub has to revoke users that have
// not connected since it started, and because an external server learns a revocation only when it can be reached.
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '#shared/contract/limits.ts'
import { agentIdPattern } from '#shared/contract/subjects.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { createTurns, createTurnsByKey } from '#shared/flow/turns.ts'
import { ensurePrivateDirectory, writeFileDurably } from '#hub/pki/files.ts'
import type { Revocations } from './account.ts'

/** A little longer than the certificate it comes with, so that the certificate is always the one that runs out. */
export const userLifeMs = limits.agentCertificateMs + 3600 * 1000

interface IssuedUser {
  publicKey: string
  expiresAt: string
}

export interface NatsUsers {
  /** Durable when it resolves. */
  remember(agentId: string, publicKey: string, expiresAt: Date): Promise<void>
  /** Durable when it resolves. Returns whether there was anything to revoke. */
  revoke(agentId: string): Promise<boolean>
  revocations(): Revocations
  /** Forgets agents whose users have all expired; one at a time, ends early when `isEnough` says so. */
  removeExpired(isEnough: () => boolean): Promise<void>
}

export async function openNatsUsers(directory: string, clock: Clock): Promise<NatsUsers> {
  const userDirectory = join(directory, 'users')
  const revocationsPath = join(directory, 'revocations.json')
  await ensurePrivateDirectory(userDirectory)
  let revocations = await readRevocations(revocationsPath)
  const nowSeconds = (): number => Math.floor(clock.now().getTime() / 1000)
  const pathOf = (agentId: string): string => {
    if (!agentIdPattern.test(agentId)) throw new Error('not an agent id')
    return join(userDirectory, `${agentId}.json`)
  }
  const issuedTo = async (agentId: string): Promise<IssuedUser[]> => {
    const text = await readFile(pathOf(agentId), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return '[]'
      throw cause
    })
    return JSON.parse(text) as IssuedUser[]
  }
  const isExpired = (user: IssuedUser): boolean => Date.parse(user.expiresAt) <= clock.now().getTime()
  // An agent's file, and the list that all revocations share, are changed by one at a time.
  const agentTurns = createTurnsByKey()
  const revocationTurns = createTurns()
  async function addRevocations(users: readonly IssuedUser[]): Promise<void> {
    const now = nowSeconds()
    // A revocation is of no use once every JWT it can concern has expired.
    const kept = Object.entries(revocations).filter(([, at]) => at + userLifeMs / 1000 > now)
    const next: Revocations = Object.fromEntries(kept)
    for (const user of users) next[user.publicKey] = now
    await writeFileDurably(revocationsPath, `${JSON.stringify(next, undefined, 2)}\n`)
    revocations = next
  }

  return {
    remember: (agentId, publicKey, expiresAt) =>
      agentTurns.take(agentId, async () => {
        const others = (await issuedTo(agentId)).filter((user) => user.publicKey !== publicKey && !isExpired(user))
        await writeFileDurably(pathOf(agentId), JSON.stringify([...others, { publicKey, expiresAt: expiresAt.toISOString() }]))
      }),
    revoke: (agentId) =>
      agentTurns.take(agentId, async () => {
        const users = await issuedTo(agentId)
        if (users.length === 0) return false
        await revocationTurns.take(() => addRevocations(users))
        await rm(pathOf(agentId), { force: true })
        return true
      }),
    revocations: () => revocations,
    async removeExpired(isEnough) {
      for (const name of await readdir(userDirectory)) {
        if (isEnough()) return
        const agentId = name.replace(/\.json$/, '')
        if (!agentIdPattern.test(agentId)) continue
        await agentTurns.take(agentId, async () => {
          const isOver = await issuedTo(agentId).then(
            (users) => users.every(isExpired),
            () => false, // unreadable: kept for a person to look at; it only matters when that agent is revoked, which then says so
          )
          if (isOver) await rm(pathOf(agentId), { force: true })
        })
      }
    },
  }
}

async function readRevocations(path: string): Promise<Revocations> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as unknown
    if (typeof value !== 'object' || value === null || !Object.values(value).every((at) => typeof at === 'number')) {
      throw new Error('it is not a table of keys and times')
    }
    return value as Revocations
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new OperatorError(
      'RevocationsDamaged',
      `The list of revoked NATS users ${path} cannot be read: ${(cause as Error).message}.`,
      'Restore the file from a backup. Removing it would let machines that were revoked in the last week connect again.',
      cause,
    )
  }
}
