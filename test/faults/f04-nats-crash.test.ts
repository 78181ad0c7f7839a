// F-04: kill -9 of the nats-server; the next one begins empty.
import test from 'ava'
import { until } from '#test/helpers/until.ts'
import { type Fleet, natsPid, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet()
})
test.after.always(() => fleet?.close())

for (let round = 1; round <= 3; round++)
  test.serial(`F-04: nats-server is killed under load, time ${round}; what was under way arrives once`, async (t) => {
    const pid = await natsPid(fleet)
    let worked = 0
    await fleet.work(() => {
      if (++worked === round) process.kill(pid, 'SIGKILL')
      return worked > round
    })
    await until('another nats-server', async () => (await natsPid(fleet)) !== pid)
    t.deepEqual(await checkFleet(fleet), [])
    t.true(fleet.hub.program().isRunning())
  })
