// Decodes what agents send on the control plane. Sizes and grammar only: whether it makes sense is for the receiver.
import { EventBatch, Heartbeat, Hello, OrderAck, OrderOutcome } from '#proto/moorline/v1/control.ts'
import { limits } from '#shared/contract/limits.ts'

/** The message is wrong in itself; sending it again cannot help. */
export class InvalidMessage extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidMessage'
  }
}

const maxHelloBytes = 16 * 1024
const maxHeartbeatBytes = 8 * 1024
const maxAckBytes = 16 * 1024
const taskUidPattern = /^[A-Za-z0-9-]{1,64}$/
const streams = new Set(['stdout', 'stderr', 'system'])
const finalStates = new Set(['Succeeded', 'Failed', 'Canceled', 'TimedOut'])

function check(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new InvalidMessage(what)
}

function decode<T>(codec: { decode(bytes: Uint8Array): T }, bytes: Uint8Array, maxBytes: number): T {
  check(bytes.length <= maxBytes, `the message has ${bytes.length} bytes, allowed are ${maxBytes}`)
  try {
    return codec.decode(bytes)
  } catch (error) {
    throw new InvalidMessage(`the message cannot be decoded: ${(error as Error).message}`)
  }
}

export function decodeHello(bytes: Uint8Array): Hello {
  const hello = decode(Hello, bytes, maxHelloBytes)
  for (const name of ['agentVersion', 'bootId', 'machineFingerprint', 'sessionId', 'certificateSerial'] as const) {
    check(hello[name].length <= 256, `${name} is longer than 256 characters`)
  }
  check(hello.allowedActions.length <= 64 && hello.allowedActions.every((action) => action.length <= 64), 'allowedActions is too long')
  check(hello.tunnelTargets.length <= 64 && hello.tunnelTargets.every((name) => name.length <= 63), 'tunnelTargets is too long')
  return hello
}

export function decodeHeartbeat(bytes: Uint8Array): Heartbeat {
  const heartbeat = decode(Heartbeat, bytes, maxHeartbeatBytes)
  check(heartbeat.planes.length <= 8, 'there are more than 8 planes')
  check(
    heartbeat.planes.every((plane) => plane.name.length <= 32 && plane.reason.length <= 512),
    'a plane has a name or reason that is too long',
  )
  return heartbeat
}

/** Checks that the sequence has no holes and that every event has one body within its limits. */
export function decodeEvents(bytes: Uint8Array): EventBatch {
  return checkEvents(decode(EventBatch, bytes, limits.natsPayloadBytes))
}

export function checkEvents(batch: EventBatch): EventBatch {
  const { events } = batch
  check(events.length > 0 && events.length <= limits.eventBatchCount, `a batch has 1 to ${limits.eventBatchCount} events`)
  events.forEach((event, index) => {
    const where = `event ${index}`
    const first = events[0]?.sequence ?? 0n
    check(event.sequence > 0n && event.sequence === first + BigInt(index), `${where}: the sequence has a hole or goes back`)
    check(event.sequence < 2n ** 53n, `${where}: the sequence is too large`)
    const { body } = event
    // The place of an event that a restored hub has lost: nobody knows any more which task it was about.
    const isPlaceholder = event.taskUid === '' && body?.$case === 'gap'
    check(isPlaceholder || taskUidPattern.test(event.taskUid), `${where}: the task uid is not valid`)
    check(body !== undefined, `${where}: it has no body`)
    switch (body.$case) {
      case 'output':
        check(streams.has(body.value.stream), `${where}: there is no such stream`)
        check(body.value.data.length <= limits.outputChunkBytes, `${where}: the output is over ${limits.outputChunkBytes} bytes`)
        break
      case 'progress':
        check(body.value.percent <= 100 && body.value.message.length <= 4096, `${where}: the progress is not valid`)
        break
      case 'row':
        check(body.value.json.length <= limits.outputChunkBytes, `${where}: the row is over ${limits.outputChunkBytes} bytes`)
        break
      case 'finished':
        check(finalStates.has(body.value.state), `${where}: there is no such final state`)
        check(body.value.reason.length <= 256 && body.value.message.length <= 8192, `${where}: reason or message is too long`)
        check(body.value.resultJson.length <= limits.taskResultBytes, `${where}: the result is over ${limits.taskResultBytes} bytes`)
        break
      default:
    }
  })
  return batch
}

export function decodeOrderAck(bytes: Uint8Array): OrderAck {
  const ack = decode(OrderAck, bytes, maxAckBytes)
  check(ack.outcome !== OrderOutcome.UNSPECIFIED && Object.values(OrderOutcome).includes(ack.outcome), 'there is no such outcome')
  check(ack.reason.length <= 256 && ack.message.length <= 8192, 'reason or message is too long')
  return ack
}
