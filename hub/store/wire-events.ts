// A batch of events as the agent sent it → flat records and one buffer that is handed over to the writer thread without a copy.
// Refuses what breaks the batch's own form; what is wrong with a single event is the writer's to judge, so that it cannot block the stream.
import { limits } from '#shared/contract/limits.ts'
import type { Event } from '#proto/moorline/v1/control.ts'
import type { WireEvent } from './commands.ts'

const empty = new Uint8Array(0)

export function flattenEvents(
  events: readonly Event[],
  now: Date,
): { events: WireEvent[]; payload: Uint8Array<ArrayBuffer> } | { invalid: string } {
  if (events.length > limits.eventBatchCount) return { invalid: `a batch has at most ${limits.eventBatchCount} events` }
  let size = 0
  let next = events[0]?.sequence ?? 1n
  if (next < 1n) return { invalid: 'sequence numbers start at 1' }
  if ((events.at(-1)?.sequence ?? 0n) > BigInt(Number.MAX_SAFE_INTEGER)) return { invalid: 'the sequence number is too large' }
  for (const event of events) {
    if (event.sequence !== next++) return { invalid: 'the events of a batch must follow each other without holes' }
    size += bytesOf(event).byteLength
  }
  // JSON escapes may add a little to what the agent counted; the wire itself is limited to natsPayloadBytes.
  if (size > limits.natsPayloadBytes) return { invalid: `a batch has at most ${limits.natsPayloadBytes} bytes` }
  const payload = new Uint8Array(size)
  let end = 0
  const flat = events.map((event): WireEvent => {
    const bytes = bytesOf(event)
    const start = end
    end += bytes.byteLength
    payload.set(bytes, start)
    return { ...describe(event), start, end, at: timeOf(event, now) }
  })
  return { events: flat, payload }
}

function bytesOf({ body }: Event): Uint8Array {
  if (body?.$case === 'output') return body.value.data
  if (body?.$case === 'row') return body.value.json
  if (body?.$case === 'finished') return body.value.resultJson
  return empty
}

function describe({ sequence, taskUid, attempt, body }: Event): Omit<WireEvent, 'start' | 'end' | 'at'> {
  const base = { sequence: Number(sequence), taskUid: taskUid.slice(0, 64), attempt, text: '', state: '', reason: '', count: 0 }
  switch (body?.$case) {
    case 'output':
      return { ...base, type: 'output', text: body.value.stream.slice(0, 16) }
    case 'progress':
      return { ...base, type: 'progress', count: body.value.percent, text: body.value.message.slice(0, 1024) }
    case 'finished': {
      const { state, reason, message } = body.value
      return { ...base, type: 'finished', state: state.slice(0, 32), reason: reason.slice(0, 128), text: message.slice(0, 4096) }
    }
    case 'gap':
      return { ...base, type: 'gap', count: Number(body.value.droppedEvents) }
    default:
      return { ...base, type: body?.$case ?? 'unknown' }
  }
}

/** The agent's own clock, which is only shown; a time that cannot be printed gives way to ours. */
function timeOf({ at }: Event, now: Date): string {
  const year = at?.getUTCFullYear() ?? Number.NaN
  return (at && year >= 0 && year <= 9999 ? at : now).toISOString()
}
