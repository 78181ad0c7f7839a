// F-02: kill -9 of the agent at each durable step, with a real hub.
import test from 'ava'
import { type Fleet, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet()
})
test.after.always(() => fleet?.close())

const points = [
  'agent.order.received:2',
  'agent.order.journalled:2',
  'agent.action.spawned',
  'agent.action.exited',
  'agent.result.recorded:2',
  'agent.events.acknowledged:2',
  'agent.undo.recorded',
  'agent.file.renamed',
]

for (const point of points)
  test.serial(`F-02: every agent is killed at ${point}; each task ends once and nothing is done twice`, async (t) => {
    for (const each of fleet.agents) {
      await each.agent.kill()
      await each.start(point)
    }
    const killed = fleet.agents.map(({ agent }) => agent.program())
    await fleet.work(() => killed.every((program) => !program.isRunning()))
    for (const program of killed) t.is((await program.exited).signal, 'SIGKILL', program.stderr().slice(-2000))
    for (const each of fleet.agents) await each.start()
    t.deepEqual(await checkFleet(fleet, { mayInterrupt: true }), [])
  })
