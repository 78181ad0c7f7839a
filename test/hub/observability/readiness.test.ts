import test from 'ava'
import { createReadiness } from '#hub/observability/readiness.ts'
import { movableClock } from '#test/hub/auth/fixture.ts'
import { createMetrics } from '#hub/observability/metrics.ts'

test('a part that throws or hangs is not ready, and the others are told as they are', async (t) => {
  const clock = movableClock()
  const read = createReadiness(
    {
      good: () => [{ name: 'store', ok: true, message: '' }],
      broken: () => {
        throw new Error('no socket')
      },
      hanging: () => new Promise(() => {}),
    },
    clock,
  )
  const rows = read()
  clock.advance(2_000)
  t.deepEqual(await rows, [
    { name: 'store', ok: true, message: '' },
    { name: 'broken', ok: false, message: 'no socket' },
    { name: 'hanging', ok: false, message: 'did not answer within 2000 ms' },
  ])
})

test('metrics are counted per registry and read at the time of the scrape', async (t) => {
  const first = createMetrics()
  const second = createMetrics()
  first.requestFinished({ method: 'GET', route: '/x', status: 200, seconds: 0.01 })
  let connected = 1
  first.gaugeBy('moorline_agents', 'Agents by state.', 'state', () => ({ connected, pending: 0, total: 3 }))
  first.gaugeBy('moorline_tasks', 'Tasks by state.', 'state', () => ({ Running: 2 }))
  let refused: Record<string, number> = { NotTls: 1 }
  first.counterBy('moorline_gateway_refused_total', 'Refused.', 'reason', () => refused)
  connected = 2
  await first.text()
  refused = { NotTls: 3, HandshakeTimeout: 1 }
  const text = await first.text()
  t.regex(text, /moorline_api_requests_total\{method="GET",route="\/x",status="200"\} 1/)
  t.regex(text, /moorline_agents\{state="connected"\} 2/)
  t.regex(text, /moorline_tasks\{state="Running"\} 2/)
  t.regex(text, /moorline_gateway_refused_total\{reason="NotTls"\} 3\n/)
  t.regex(text, /moorline_gateway_refused_total\{reason="HandshakeTimeout"\} 1\n/)
  t.notRegex(await second.text(), /moorline_api_requests_total\{/)
})
