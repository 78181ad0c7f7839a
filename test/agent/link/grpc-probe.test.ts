import test from 'ava'
import { createGrpcProbe } from '#agent/link/grpc-probe.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { until } from '#test/helpers/until.ts'

/** A hub that answers or does not, and a clock whose only timer is run by hand. */
function createParts({ isHubThere = true } = {}) {
  let isControlPlaneUp = isHubThere
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
    isHubThere: () => isControlPlaneUp,
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
    setControlPlane: (is: boolean) => (isControlPlaneUp = is),
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

test('while the control plane is down the probes come at their usual distance: the hub they wait for has other things to do first', async (t) => {
  const { probe, step, setHub } = createParts({ isHubThere: false })
  setHub(false)
  probe.start()
  for (let round = 0; round < 4; round++) t.true((await step()) > 200_000)
})

test('a probe that is due after the hub went is put off once, by a whole interval', async (t) => {
  const { probe, step, setHub, setControlPlane, states } = createParts()
  probe.start()
  await step()
  setHub(false)
  setControlPlane(false)
  t.true((await step()) > 200_000)
  t.deepEqual(states, [true])
  t.true((await step()) > 200_000)
  t.deepEqual(states, [true, false])
})

test('when the hub is back, a plane that was down is unknown and probed within a minute; one that was not is left alone', async (t) => {
  const { probe, step, setHub, unknown, nextMs } = createParts({ isHubThere: false })
  probe.start()
  const before = await step()
  probe.hubIsBack()
  t.deepEqual([unknown(), nextMs()], [0, before])
  setHub(false)
  await step()
  probe.hubIsBack()
  t.is(unknown(), 1)
  t.true((nextMs() ?? Infinity) <= 60_000)
  probe.stop()
  t.is(nextMs(), undefined)
})
