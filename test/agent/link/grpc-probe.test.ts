import test from 'ava'
import { createGrpcProbe } from '#agent/link/grpc-probe.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { until } from '#test/helpers/until.ts'

/** A hub that answers or does not, and a clock whose only timer is run by hand. */
function createParts({ isHubThere = true } = {}) {
  let isThere = true
  let next: { delayMs: number; run(): void } | undefined
  const check = () => Promise.resolve({ name: 'grpc', ok: isThere, reason: isThere ? '' : 'Unavailable', roundTripUs: 1 })
  const clock: Clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    setTimer(delayMs, run) {
      const own = { delayMs, run }
      next = own
      return { cancel: () => void (next === own && (next = undefined)) }
    },
  }
  const states: boolean[] = []
  let unknown = 0
  const probe = createGrpcProbe({
    check,
    clock,
    random: () => 0.999,
    isHubThere: () => isHubThere,
    onState: ({ ok }) => states.push(ok),
    onUnknown: () => unknown++,
  })
  const step = async () => {
    const due = next
    next = undefined
    due?.run()
    return until('the next probe to be planned', () => next?.delayMs)
  }
  return {
    probe,
    states,
    step,
    setHub: (is: boolean) => (isThere = is),
    unknown: () => unknown,
    nextMs: () => next?.delayMs,
  }
}

test('a probe that failed is repeated soon, at most once a minute, and not after the minutes of a good one', async (t) => {
  const { probe, step, setHub, states } = createParts()
  probe.start()
  t.true((await step()) > 200_000)
  setHub(false)
  const delays: number[] = []
  for (let round = 0; round < 6; round++) delays.push(await step())
  t.true((delays[0] ?? Infinity) <= 5_000 && delays.every((delayMs) => delayMs <= 60_000))
  t.deepEqual(states, [true, ...Array.from({ length: 6 }, () => false)])
})

test('while the control plane is down, too, the probes come ever later: the hub they wait for has other things to do first', async (t) => {
  const { probe, step, setHub } = createParts({ isHubThere: false })
  setHub(false)
  probe.start()
  const delays: number[] = []
  for (let round = 0; round < 8; round++) delays.push(await step())
  t.deepEqual(
    delays.map((delayMs) => Math.ceil(delayMs / 5_000)),
    [1, 2, 4, 8, 16, 32, 60, 60],
  )
})

test('when the hub is back, a plane that was down is unknown and probed at once; one that was not is left alone', async (t) => {
  const { probe, step, setHub, unknown, nextMs } = createParts()
  probe.start()
  const before = await step()
  probe.hubIsBack()
  t.deepEqual([unknown(), nextMs()], [0, before])
  setHub(false)
  for (let round = 0; round < 6; round++) await step()
  probe.hubIsBack()
  t.is(unknown(), 1)
  t.true((nextMs() ?? Infinity) <= 10_000)
  probe.stop()
  t.is(nextMs(), undefined)
})
