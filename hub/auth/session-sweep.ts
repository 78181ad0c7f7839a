// Removes sessions an hour after they have expired, so that the list of tokens shows what is in use.
import type { Clock } from '#shared/clock/clock.ts'
import type { AccessToken } from '#shared/contract/access.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { startRounds } from '#shared/flow/rounds.ts'
import type { Log } from '#shared/log/log.ts'
import type { Resources } from '#hub/resources/types.ts'
import { isExpired, sessionLabel } from './tokens.ts'

const everyMs = 10 * 60 * 1000
const keepMs = 60 * 60 * 1000

export function sweepExpiredSessions(resources: Resources, clock: Clock, log: Log): { close(): void } {
  let isClosed = false

  async function sweep(): Promise<void> {
    const before = new Date(clock.now().getTime() - keepMs)
    for (const token of resources.list<AccessToken>('AccessToken', { labelSelector: sessionLabel }).items) {
      if (!isExpired(token, before) || isClosed) continue
      try {
        await resources.delete('AccessToken', token.metadata.name)
      } catch (error) {
        // Somebody else removed it, or the store is busy: the next round looks again.
        if (!(error instanceof ApiError)) throw error
      }
    }
  }

  const rounds = startRounds({ clock, everyMs }, sweep, (error) =>
    log.warn({ error }, 'expired sessions were not removed; the next round tries again'),
  )
  return {
    close() {
      isClosed = true
      void rounds.stop()
    },
  }
}
