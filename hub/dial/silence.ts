// A connection whose cable was cut stays open for a quarter of an hour when something was sent on it: TCP repeats that all the time, and
// its keepalive waits meanwhile. So who has said something and hears nothing dials once more, and ends the connection when the server
// cannot be reached. Silence alone ends nothing: a watch may say nothing for hours.
import type { Clock } from '#shared/clock/clock.ts'
import { DialError, type DialErrorCode } from '#shared/errors/dial-error.ts'

/** Longer than a connection without a request is kept, which is not worth a dial. */
export const silentMs = 20_000
const lookMs = 1_000

/** What says that nothing gets there; a certificate or a name may have changed under a connection that is well. */
const gone: readonly DialErrorCode[] = ['Unreachable', 'DialTimeout', 'ProxyUnreachable', 'ProxyRefused']

export interface SilenceOptions {
  clock: Clock
  /** The same way once more; what was dialled is of no use. @throws DialError */
  dialAgain(): Promise<void>
}

interface Counted {
  bytesRead: number
  bytesWritten: number
  destroyed: boolean
  once(event: 'close', run: () => void): unknown
  destroy(error: Error): unknown
}

/** Until it is closed. */
export function endWhenUnreachable(connection: Counted, { clock, dialAgain }: SilenceOptions): void {
  let heard = connection.bytesRead
  let said = connection.bytesWritten
  /** Something was said since, or about, the last time that something was heard. */
  let waitsSinceMs: number | undefined
  const later = () => clock.setTimer(lookMs, look, true)
  let timer = later()
  connection.once('close', () => timer.cancel())

  function look(): void {
    const now = clock.monotonicMs()
    const { bytesRead, bytesWritten } = connection
    if (bytesRead !== heard) waitsSinceMs = undefined
    if (bytesWritten !== said) waitsSinceMs ??= now
    heard = bytesRead
    said = bytesWritten
    if (waitsSinceMs !== undefined && now - waitsSinceMs >= silentMs) {
      waitsSinceMs = undefined
      void ask()
    } else timer = later()
  }

  async function ask(): Promise<void> {
    try {
      await dialAgain()
    } catch (error) {
      if (error instanceof DialError && gone.includes(error.code)) connection.destroy(error)
      // Anything else says nothing about this connection.
    }
    if (!connection.destroyed) timer = later()
  }
}
