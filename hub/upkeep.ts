// What the hub does for itself once in a while: server certificates are renewed before they end, and the servers take them over
// without a restart.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import type { Api } from '#hub/api/types.ts'
import type { Pki } from '#hub/pki/types.ts'

const intervalMs = 6 * 3600 * 1000

export function startUpkeep({ pki, api, clock, log }: { pki: Pki; api: Api; clock: Clock; log: Log }): { stop(): void } {
  let timer: Timer
  const again = () => {
    timer = clock.setTimer(intervalMs, () => void look().then(again), true)
  }
  async function look(): Promise<void> {
    try {
      const { changed } = await pki.refresh()
      if (!changed) return
      api.setTls({ key: pki.web.key, cert: pki.web.cert })
      log.info({}, 'server certificates were renewed')
    } catch (error) {
      log.error({ err: error }, 'server certificates could not be renewed; trying again in 6 h')
    }
  }
  again()
  return { stop: () => timer.cancel() }
}
