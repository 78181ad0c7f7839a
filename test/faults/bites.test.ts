// The crash tests bite: a hub or an agent that acknowledges early, repeats or forgets is found out by the checker that passes the real ones.
import { rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Fleet, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'
import { makeMutant, type Mutation } from './mutant.ts'

interface Case {
  hub?: readonly Mutation[]
  agent?: readonly Mutation[]
}

async function broken(t: ExecutionContext, { hub, agent }: Case): Promise<Fleet> {
  const owner = { teardown: (run: () => Promise<void>) => t.teardown(run) }
  const hubRoot = hub && (await makeMutant(owner, hub))
  const agentRoot = agent && (await makeMutant(owner, agent))
  const fleet = await startFleet({ agents: 1, hubRoot, agentRoot })
  t.teardown(() => fleet.close())
  await fleet.work()
  t.deepEqual(await checkFleet(fleet, { mayInterrupt: true }), [], 'nothing is wrong while nothing fails')
  return fleet
}

/** Works until the hub has been killed at the failpoint, and starts it again without. */
async function crashHub(fleet: Fleet, failpoint: string): Promise<void> {
  await fleet.hub.kill()
  // It may die before it is ready.
  await fleet.startHub({ MOORLINE_FAILPOINTS: failpoint }).catch(() => undefined)
  const killed = fleet.hub.program()
  await fleet.work(() => !killed.isRunning())
  await fleet.startHub()
}

async function crashAgent(fleet: Fleet, failpoint: string): Promise<void> {
  const [each] = fleet.agents
  await each?.agent.kill()
  await each?.start(failpoint)
  const killed = each?.agent.program()
  await fleet.work(() => !killed?.isRunning())
  await each?.start()
}

async function isFoundOut(t: ExecutionContext, fleet: Fleet, invariant: RegExp): Promise<void> {
  const found = await checkFleet(fleet, { mayInterrupt: true, withinMs: 20_000 })
  t.log(found.join('\n').slice(0, 600))
  t.true(
    found.some((sentence) => invariant.test(sentence)),
    JSON.stringify(found),
  )
}

test.serial('bites: a hub that acknowledges before COMMIT', async (t) => {
  const point = "    failpoint('hub.store.before-commit')\n"
  // Says that it is done, gives the main thread the time to pass that on, and commits then.
  const early =
    '    parentPort?.postMessage({ ...group, replies: [...group.replies] })\n    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40)\n'
  const fleet = await broken(t, {
    hub: [
      { file: 'hub/store/writer/group.ts', from: point, to: `${early}${point}` },
      {
        file: 'hub/store/writer/group.ts',
        from: "import type { Database } from 'better-sqlite3'\n",
        to: "import type { Database } from 'better-sqlite3'\nimport { parentPort } from 'node:worker_threads'\n",
      },
    ],
  })
  for (const count of [25, 26, 27]) await crashHub(fleet, `hub.store.before-commit:${count}`)
  // Lost for good, or made anew when it was sent again: then it has been seen at a later version than it has now.
  await isFoundOut(t, fleet, /^I[13]/)
})

test.serial('bites: a disk that had not written what it was told to sync (what synchronous=NORMAL allows), on the hub', async (t) => {
  const fleet = await broken(t, {})
  await fleet.hub.kill()
  await truncate(join(fleet.dataDir, 'hub.db-wal'), 0)
  await fleet.startHub()
  await isFoundOut(t, fleet, /^I1/)
})

test.serial('bites: the same on the agent', async (t) => {
  const fleet = await broken(t, {})
  const [each] = fleet.agents
  await each?.agent.kill()
  await each?.start('agent.action.exited')
  const killed = each?.agent.program()
  await fleet.work(() => !killed?.isRunning())
  for (const suffix of ['', '-wal', '-shm']) await rm(join(each?.stateDir ?? '', `journal.db${suffix}`), { force: true })
  await each?.start()
  await isFoundOut(t, fleet, /^I[126]/)
})

test.serial('bites: an agent that acknowledges an order before it is in its journal', async (t) => {
  const fleet = await broken(t, {
    agent: [
      {
        file: 'agent/tasks/runner.ts',
        from: '    try {\n      const bytes = Buffer.from(TaskOrder.encode(order).finish())\n',
        to: `    options.clock.setTimer(300, () => {
      const late = Buffer.from(TaskOrder.encode(order).finish())
      journal.recordOrder({ ...order, order: late, notAfterMs: order.notAfter?.getTime() ?? 0 })
      const known = journal.order(order.taskUid, order.attempt)
      if (known) start(known)
    })
    if (order.taskUid) return ack(order, OrderOutcome.ACCEPTED)
    try {
      const bytes = Buffer.from(TaskOrder.encode(order).finish())
`,
      },
    ],
  })
  await crashAgent(fleet, 'agent.order.received:2')
  await isFoundOut(t, fleet, /^I6/)
})

test.serial('bites: an agent that runs a program again after a crash', async (t) => {
  const fleet = await broken(t, {
    agent: [{ file: 'agent/actions/exec.ts', from: "afterCrash: 'interrupt'", to: "afterCrash: 'runAgain'" }],
  })
  await crashAgent(fleet, 'agent.action.exited')
  await isFoundOut(t, fleet, /^I2.*ran 2 times/)
})

test.serial('bites: an agent that forgets events when they are sent', async (t) => {
  const fleet = await broken(t, {
    agent: [
      {
        file: 'agent/tasks/pump.ts',
        from: '      const sentOn = connection\n',
        to: '      const sentOn = connection\n      journal.acknowledge(events.at(-1)?.sequence ?? 0n)\n',
      },
    ],
  })
  await crashHub(fleet, 'hub.events.received:2')
  await isFoundOut(t, fleet, /^I[16]/)
})
