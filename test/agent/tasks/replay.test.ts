// F-13: orders and batches duplicated, reordered, delayed, lost and replayed in any way lead to one and the same final state.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import type { Actions } from '#agent/actions/types.ts'
import { openJournal } from '#agent/journal/open.ts'
import { createPump } from '#agent/tasks/pump.ts'
import { createTaskRunner } from '#agent/tasks/runner.ts'
import type { EventBatch } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { agentId, createHubDouble, historyOf } from './hub-double.ts'

type Step =
  | { do: 'order'; task: number; isReplay: boolean }
  | { do: 'replay-batch'; index: number }
  | { do: 'lose-answers'; count: number }
  | { do: 'reconnect' }
  | { do: 'restart' }

const tasks = 4
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('order' as const), task: fc.nat({ max: tasks - 1 }), isReplay: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('replay-batch' as const), index: fc.nat({ max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose-answers' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'reconnect' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

test('any duplication, reordering, loss and replay of orders and batches gives the same final state', async (t) => {
  const root = await tempDir(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: tasks }),
      async (steps, lastOrder) => {
        const directory = join(root, String(run++))
        mkdirSync(directory)
        const hub = createHubDouble()
        const firstOrders = Array.from({ length: tasks }, (_, index) => hub.task({ taskUid: `task-${index}` }))
        const sent: EventBatch[] = []
        const runs = new Map<string, number>()
        let answersToLose = 0

        function startAgent() {
          const journal = openJournal({ path: join(directory, 'journal.db'), clock: systemClock })
          const facts = {
            name: 'facts' as const,
            isMutating: false,
            afterCrash: 'runAgain' as const,
            async run(_input: unknown, context: { taskUid: string; output(stream: 'stdout', data: string): void }) {
              runs.set(context.taskUid, (runs.get(context.taskUid) ?? 0) + 1)
              context.output('stdout', `output of ${context.taskUid}`)
              return { task: context.taskUid }
            },
          }
          const runner = createTaskRunner({
            journal,
            actions: { facts } as unknown as Actions,
            policy: { allows: () => ({ ok: true }) },
            agentId,
            signingKeys: () => [hub.publicKey],
            hubTime: () => new Date(),
            clock: systemClock,
            log: silentLog,
          })
          const pump = createPump({
            journal,
            clock: systemClock,
            random: () => 0.004,
            log: silentLog,
            async send(batch) {
              sent.push(batch)
              const ack = hub.take(batch)
              if (answersToLose > 0) {
                answersToLose--
                throw new Error('the answer was lost')
              }
              return ack
            },
          })
          pump.onUp(hub.committed())
          runner.resume()
          const stop = async () => {
            await runner.stop()
            await pump.stop()
            journal.close()
          }
          return { journal, runner, pump, stop }
        }

        let agent = startAgent()
        try {
          for (const one of steps) {
            if (one.do === 'order') {
              const again = hub.task({ taskUid: `task-${one.task}` })
              await agent.runner.accept(one.isReplay ? (firstOrders[one.task] as typeof again) : again)
            } else if (one.do === 'replay-batch') {
              const old = sent[one.index % Math.max(1, sent.length)]
              if (old) hub.take(old)
            } else if (one.do === 'lose-answers') answersToLose = one.count
            else if (one.do === 'reconnect') {
              agent.pump.onDown()
              agent.pump.onUp(hub.committed())
            } else {
              await agent.stop()
              agent = startAgent()
            }
          }
          for (const index of lastOrder) await agent.runner.accept(firstOrders[index] as (typeof firstOrders)[number])
          await until('all ends at the hub', () => agent.journal.stats().events === 0 && agent.runner.running() === 0)
          for (const batch of sent) hub.take(batch)
        } finally {
          await agent.stop()
        }
        for (let index = 0; index < tasks; index++) {
          const uid = `task-${index}`
          const { ends, stdout, result } = historyOf(hub.events, uid)
          t.is(runs.get(uid), 1)
          t.is(ends.length, 1)
          t.is(ends[0]?.state, 'Succeeded')
          t.is(stdout, `output of ${uid}`)
          t.deepEqual(result, { task: uid })
        }
        t.is(hub.events.length, tasks * 3)
        t.true(existsSync(join(directory, 'journal.db')) && readFileSync(join(directory, 'journal.db')).length > 0)
        rmSync(directory, { recursive: true })
      },
    ),
    { numRuns: 30 },
  )
})
