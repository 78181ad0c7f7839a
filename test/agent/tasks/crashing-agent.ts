// The hub's side of programs/crash-agent.ts: starts it, kills it, starts it again, and sends an order until it is acknowledged, as the hub does.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { EventAck, EventBatch, OrderAck, OrderOutcome, SignedOrder } from '#proto/moorline/v1/control.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { createHubDouble, type HubDouble } from './hub-double.ts'
import type { FromAgent, FromHub } from './programs/crash-agent.ts'

const program = fileURLToPath(new URL('./programs/crash-agent.ts', import.meta.url))

export interface CrashingAgent {
  directory: string
  stateDir: string
  hub: HubDouble
  /** Starts it (again). The failpoints kill it. */
  start(options?: { failpoints?: string; mutant?: string }): void
  kill(): void
  /** How many times it has ended. */
  deaths(): number
  /** Kept and sent, also to the next process, until it is acknowledged; then never again. */
  give(name: string, order: SignedOrder, kind?: 'task' | 'cancel'): void
  acknowledged: Map<string, OrderAck>
}

export async function crashingAgent(t: ExecutionContext): Promise<CrashingAgent> {
  const directory = await tempDir(t)
  const stateDir = join(directory, 'state')
  mkdirSync(stateDir, { mode: 0o700 })
  const hub = createHubDouble()
  const acknowledged = new Map<string, OrderAck>()
  const orders = new Map<string, { id: number; kind: 'task' | 'cancel'; order: SignedOrder }>()
  let child: ChildProcess | undefined
  let deaths = 0

  const tell = (to: ChildProcess, message: FromHub) => {
    // A message to a process that has just died is lost, as on the wire.
    if (to.connected) to.send(message, () => undefined)
  }
  const offer = (to: ChildProcess) => {
    for (const [name, { id, kind, order }] of orders)
      if (!acknowledged.has(name))
        tell(to, { order: { id, kind, bytes: Buffer.from(SignedOrder.encode(order).finish()).toString('base64') } })
  }
  const hear = (from: ChildProcess, message: FromAgent) => {
    if (message.ready) {
      tell(from, { up: String(hub.committed()) })
      offer(from)
    }
    if (message.batch) {
      const ack = hub.take(EventBatch.decode(Buffer.from(message.batch.bytes, 'base64')))
      tell(from, { ack: { id: message.batch.id, bytes: Buffer.from(EventAck.encode(ack).finish()).toString('base64') } })
    }
    if (message.orderAck) {
      const ack = OrderAck.decode(Buffer.from(message.orderAck.bytes, 'base64'))
      const name = [...orders].find(([, { id }]) => id === message.orderAck?.id)?.[0]
      if (name && (ack.outcome === OrderOutcome.ACCEPTED || ack.outcome === OrderOutcome.DUPLICATE)) acknowledged.set(name, ack)
    }
  }
  t.teardown(async () => {
    const last = child
    if (!last || last.exitCode !== null || last.signalCode !== null) return
    const ended = new Promise((resolve) => last.once('exit', resolve))
    last.kill('SIGKILL')
    await ended
  })
  return {
    directory,
    stateDir,
    hub,
    acknowledged,
    deaths: () => deaths,
    start({ failpoints = '', mutant = '' } = {}) {
      const next = fork(program, [stateDir, hub.publicKey.toString('hex'), failpoints, mutant], {
        execArgv: ['--no-warnings'],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      next.on('message', (message) => hear(next, message as FromAgent))
      next.on('error', () => undefined)
      next.on('exit', () => deaths++)
      child = next
    },
    kill: () => void child?.kill('SIGKILL'),
    give(name, order, kind = 'task') {
      orders.set(name, { id: orders.size + 1, kind, order })
      if (child) offer(child)
    },
  }
}
