import test from 'ava'
import type { Clock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { followWebCertificate } from '#hub/upkeep.ts'

test('a renewed web certificate is served without a restart, once', (t) => {
  let tick = () => {}
  const clock = {
    setTimer: (_delayMs: number, run: () => void) => ((tick = run), { cancel: () => (tick = () => t.fail('ticked after stop')) }),
  } as unknown as Clock
  const web = { key: 'k', cert: 'old', pins: [], isOperatorProvided: false }
  const served: string[] = []
  const upkeep = followWebCertificate(
    { pki: { web }, api: { setTls: ({ cert }) => void served.push(String(cert)) }, clock, log: silentLog },
    'old',
  )
  tick()
  t.deepEqual(served, [])
  web.cert = 'new'
  tick()
  tick()
  t.deepEqual(served, ['new'])
  upkeep.stop()
})
