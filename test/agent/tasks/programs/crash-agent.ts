// The agent's journal, runner, pump and actions in a process of their own, to be killed. Its hub is the parent, over the IPC channel.
// Arguments: state directory, public key (hex), failpoints, mutant. A mutant breaks one promise, to prove that the checks would see it.
import { join } from 'node:path'
import { createActions } from '#agent/actions/create.ts'
import { createHost } from '#agent/host/create.ts'
import { openJournal } from '#agent/journal/open.ts'
import { createPump } from '#agent/tasks/pump.ts'
import { createTaskRunner } from '#agent/tasks/runner.ts'
import { EventAck, EventBatch, OrderAck, OrderOutcome, SignedOrder } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { Facts } from '#shared/contract/facts.ts'
import { armFailpoints } from '#shared/flow/failpoint.ts'
import { silentLog } from '#shared/log/log.ts'

export interface FromHub {
  order?: { id: number; kind: 'task' | 'cancel'; bytes: string }
  ack?: { id: number; bytes: string }
  up?: string
}
export interface FromAgent {
  orderAck?: { id: number; bytes: string }
  batch?: { id: number; bytes: string }
  ready?: true
}

const [stateDir = '', publicKey = '', failpoints = '', mutant = ''] = process.argv.slice(2)
const clock = systemClock
armFailpoints(failpoints, () => process.kill(process.pid, 'SIGKILL'))

const journal = openJournal({ path: join(stateDir, 'journal.db'), clock })
const actions = createActions({
  host: createHost({ clock, environment: process.env }),
  stateDir,
  clock,
  log: silentLog,
  preflight: async () => ({ rows: [], summary: { pass: 0, fail: 0, warn: 0, unknown: 0, skipped: 0 } }),
  facts: async () => ({}) as Facts,
})
if (mutant === 'run-exec-again') actions.exec.afterCrash = 'runAgain'

const say = (message: FromAgent) => new Promise<void>((resolve) => process.send?.(message, () => resolve()))
const waiting = new Map<number, (ack: EventAck) => void>()
let batches = 0
const pump = createPump({
  journal,
  clock,
  random: () => 0.01,
  log: silentLog,
  async send(batch) {
    const id = ++batches
    const answer = new Promise<EventAck>((resolve) => waiting.set(id, resolve))
    if (mutant === 'forget-before-ack') journal.acknowledge(batch.events.at(-1)?.sequence ?? 0n)
    await say({ batch: { id, bytes: Buffer.from(EventBatch.encode(batch).finish()).toString('base64') } })
    return answer
  },
})
const runner = createTaskRunner({
  journal,
  actions,
  policy: { allows: () => ({ ok: true }) },
  agentId: 'agent-under-test',
  signingKeys: () => [Buffer.from(publicKey, 'hex')],
  hubTime: () => new Date(),
  clock,
  log: silentLog,
})

async function takeOrder({ id, kind, bytes }: NonNullable<FromHub['order']>): Promise<void> {
  const order = SignedOrder.decode(Buffer.from(bytes, 'base64'))
  const reply = (ack: OrderAck) => say({ orderAck: { id, bytes: Buffer.from(OrderAck.encode(ack).finish()).toString('base64') } })
  if (mutant === 'ack-before-journal') await reply({ taskUid: '', attempt: 0, outcome: OrderOutcome.ACCEPTED, reason: '', message: '' })
  const ack = await (kind === 'task' ? runner.accept(order) : runner.cancel(order))
  if (mutant !== 'ack-before-journal') await reply(ack)
}

process.on('message', (message: FromHub) => {
  if (message.up !== undefined) pump.onUp(BigInt(message.up))
  if (message.ack) waiting.get(message.ack.id)?.(EventAck.decode(Buffer.from(message.ack.bytes, 'base64')))
  if (message.order) void takeOrder(message.order)
})
process.on('disconnect', () => process.exit(0))
runner.resume()
void say({ ready: true })
