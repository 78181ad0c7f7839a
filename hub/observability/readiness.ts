// Puts the readiness of the parts together. A part that throws or hangs is a part that is not ready, never a hanging /readyz.
import { type Clock, waitFor } from '#shared/clock/clock.ts'

export interface Readiness {
  name: string
  ok: boolean
  message: string
}

const limitMs = 2_000

export function createReadiness(
  parts: Readonly<Record<string, () => Readiness[] | Promise<Readiness[]>>>,
  clock: Clock,
): () => Promise<Readiness[]> {
  return async () => {
    const rows = await Promise.all(
      Object.entries(parts).map(async ([name, read]) => {
        const cancel = new AbortController()
        try {
          const late = waitFor(clock, limitMs, cancel.signal).then((): Readiness[] => [
            { name, ok: false, message: `did not answer within ${limitMs} ms` },
          ])
          late.catch(() => {}) // cancelled because the part answered in time
          return await Promise.race([Promise.resolve().then(read), late])
        } catch (error) {
          return [{ name, ok: false, message: error instanceof Error ? error.message : String(error) }]
        } finally {
          cancel.abort()
        }
      }),
    )
    return rows.flat()
  }
}
