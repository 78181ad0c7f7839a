// The gateway renews server certificates before they end and serves its own at once; this hands the web certificate to the API's server.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import type { Api } from '#hub/api/types.ts'
import type { Pki } from '#hub/pki/types.ts'

const intervalMs = 10 * 60 * 1000

/** `served` is the certificate that the API was started with. */
export function followWebCertificate(
  { pki, api, clock, log }: { pki: Pick<Pki, 'web'>; api: Pick<Api, 'setTls'>; clock: Clock; log: Log },
  served: string,
): { stop(): void } {
  let current = served
  let timer: Timer
  const look = () => {
    timer = clock.setTimer(intervalMs, look, true)
    const { key, cert } = pki.web
    if (cert === current) return
    api.setTls({ key, cert })
    current = cert
    log.info({}, 'the renewed web certificate is served')
  }
  timer = clock.setTimer(intervalMs, look, true)
  return { stop: () => timer.cancel() }
}
