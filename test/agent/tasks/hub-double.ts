// A hub for tests of the agent's tasks: signs orders and takes events by the hub's own rule (in order, without holes, old ones skipped).
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import {
  Order,
  type CancelOrder,
  type Event,
  type EventAck,
  type EventBatch,
  type SignedOrder,
  type TaskOrder,
} from '#proto/moorline/v1/control.ts'
import { keyIdOf } from '#agent/tasks/verify.ts'

export const agentId = 'agent-under-test'

export interface HubDouble {
  publicKey: Buffer
  task(fields?: Partial<TaskOrder>, input?: unknown): SignedOrder
  cancel(fields: Partial<CancelOrder>): SignedOrder
  signed(order: Order): SignedOrder
  signBytes(payload: Buffer): SignedOrder
  /** The rule of the hub's inbox. */
  take(batch: EventBatch): EventAck
  events: Event[]
  committed(): bigint
}

export function createHubDouble(): HubDouble {
  const pair = generateKeyPairSync('ed25519')
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(12)
  const events: Event[] = []
  const signBytes = (payload: Buffer): SignedOrder => ({
    payload,
    signature: sign(null, payload, pair.privateKey),
    keyId: keyIdOf(publicKey),
  })
  const signed = (order: Order): SignedOrder => signBytes(Buffer.from(Order.encode(order).finish()))
  const common = () => ({
    agentId,
    attempt: 1,
    issuedAt: new Date(),
    notAfter: new Date(Date.now() + 600_000),
    nonce: randomBytes(16).toString('hex'),
  })
  return {
    publicKey,
    events,
    signed,
    signBytes,
    task(fields = {}, input = {}) {
      const value = {
        ...common(),
        taskUid: 'task-1',
        taskName: 'one',
        action: 'facts',
        inputJson: Buffer.from(JSON.stringify(input)),
        timeoutMs: 60_000n,
        ...fields,
      }
      return signed({ order: { $case: 'task', value } })
    },
    cancel: (fields) => signed({ order: { $case: 'cancel', value: { ...common(), taskUid: 'task-1', ...fields } } }),
    committed: () => BigInt(events.length),
    take(batch) {
      const fresh = batch.events.filter((event) => event.sequence > BigInt(events.length))
      const [first] = fresh
      if (first && first.sequence !== BigInt(events.length) + 1n)
        return { committedSequence: BigInt(events.length), refused: 'Gap', message: `expected ${events.length + 1}` }
      for (const event of fresh) {
        if (event.sequence !== BigInt(events.length) + 1n) throw new Error(`hole in a batch before ${event.sequence}`)
        events.push(event)
      }
      return { committedSequence: BigInt(events.length), refused: '', message: '' }
    },
  }
}

/** What the hub would know of a task: the kinds of its events and how it ended. */
export function historyOf(events: readonly Event[], taskUid: string, attempt = 1) {
  const own = events.filter((event) => event.taskUid === taskUid && event.attempt === attempt)
  const ends = own.flatMap((event) => (event.body?.$case === 'finished' ? [event.body.value] : []))
  const output = own.flatMap((event) => (event.body?.$case === 'output' ? [event.body.value] : []))
  const text = (stream: string) => Buffer.concat(output.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.data)).toString()
  const result = ends[0]?.resultJson.length ? (JSON.parse(ends[0].resultJson.toString()) as Record<string, unknown>) : undefined
  return {
    kinds: own.map((event) => event.body?.$case),
    ends,
    end: ends[0],
    stdout: text('stdout'),
    stderr: text('stderr'),
    system: text('system'),
    result,
  }
}
