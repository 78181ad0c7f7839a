// The control plane as the hub sees it: receives hello, heartbeat, events and replies of all agents, sends orders and notices.
//
// The sender of a message is the agent in its subject, which the NATS server enforces. The reply subject is the sender's own
// choice: answering wherever it points would lend an agent the hub's rights, so it must lie under that agent's own inbox.
import type { Msg, NatsConnection } from 'nats'
import {
  EventAck,
  type EventBatch,
  type Heartbeat,
  HeartbeatAck,
  type Hello,
  HelloReply,
  Notice,
  type OrderAck,
  SignedOrder,
} from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { agentIdPattern, fromAgent, toAgent } from '#shared/contract/subjects.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Log } from '#shared/log/log.ts'
import { type GatewayHandlers, type GatewayStats, OrderError, type OrderKind, type SecurityEvent } from '../types.ts'
import { type BusConnection, type BusTarget, keepBusConnection, type NatsCredentials } from './connection.ts'
import type { EventQueue } from './event-queue.ts'
import { createPendingOrders } from './orders.ts'
import { decodeEvents, decodeHeartbeat, decodeHello, InvalidMessage } from './validate.ts'

export interface BusOptions {
  target(): BusTarget | undefined
  credentials: NatsCredentials
  handlers: Pick<GatewayHandlers, 'hello' | 'heartbeat' | 'events'>
  queue: EventQueue
  /** Messages of such an agent that were already under way have no effect. */
  isRevoked(agentId: string): boolean
  addressOf(agentId: string): string
  onSecurityEvent(event: SecurityEvent): void
  clock: Clock
  random: () => number
  log: Log
}

export interface Bus {
  isConnected(): boolean
  poke(): void
  sendOrder(agentId: string, kind: OrderKind, order: SignedOrder, timeoutMs: number): Promise<OrderAck>
  notify(agentId: string, notice: Partial<Notice>): void
  counters(): GatewayStats['messages']
  close(): Promise<void>
}

const replyPattern = /^[A-Za-z0-9_.-]{1,200}$/

export function createBus(options: BusOptions): Bus {
  const { handlers, queue, clock, log } = options
  const counters = { hello: 0, heartbeat: 0, events: 0, reply: 0, dropped: 0 }
  const orders = createPendingOrders(clock)

  const report = (kind: SecurityEvent['kind'], agentId: string, message: string): void => {
    counters.dropped += 1
    options.onSecurityEvent({ kind, agentId, address: options.addressOf(agentId), message })
  }

  /** The agent that sent the message, when it may be heard and answered. */
  const senderOf = (message: Msg): string | undefined => {
    const agentId = message.subject.split('.')[1] ?? ''
    if (!agentIdPattern.test(agentId) || options.isRevoked(agentId)) {
      counters.dropped += 1
      return undefined
    }
    const reply = message.reply ?? ''
    if (!reply.startsWith(`${toAgent.inboxPrefix(agentId)}.`) || !replyPattern.test(reply)) {
      report('ForeignReplySubject', agentId, `asked for the reply of ${message.subject} under a subject that is not its own`)
      return undefined
    }
    return agentId
  }

  /** Answers with the handler's reply, or with what `refusal` makes of an error; a failure of one message stays its own. */
  const serve = async <Request, Reply>(
    message: Msg,
    agentId: string,
    call: { decode(bytes: Uint8Array): Request; handle(request: Request): Promise<Reply>; refusal(error: unknown): Reply | undefined },
    codec: { encode(reply: Reply): { finish(): Uint8Array } },
    beforeReply?: () => void,
  ): Promise<void> => {
    let reply: Reply | undefined
    try {
      reply = await call.handle(call.decode(message.data))
    } catch (error) {
      if (error instanceof InvalidMessage) report('MalformedMessage', agentId, `${message.subject}: ${error.message}`)
      else log.error({ agentId, subject: message.subject, error: (error as Error).message }, 'a control-plane message could not be handled')
      reply = call.refusal(error)
    }
    if (reply === undefined) return
    beforeReply?.()
    try {
      message.respond(codec.encode(reply).finish())
    } catch (error) {
      // The connection has ended meanwhile: the agent asks again.
      log.debug({ agentId, error: (error as Error).message }, 'a reply could not be sent')
    }
  }
  const reasonOf = (error: unknown): { reason: string; message: string } =>
    error instanceof InvalidMessage
      ? { reason: 'Invalid', message: error.message }
      : { reason: 'Busy', message: 'The hub could not handle the message; send it again.' }

  const onHello = (message: Msg): void => {
    const agentId = senderOf(message)
    if (agentId === undefined) return
    counters.hello += 1
    const handle = (hello: Hello) => handlers.hello(agentId, hello, { address: options.addressOf(agentId) })
    const refusal = (error: unknown) => HelloReply.fromPartial({ accepted: false, ...reasonOf(error), serverTime: clock.now() })
    void serve(message, agentId, { decode: decodeHello, handle, refusal }, HelloReply)
  }
  const onHeartbeat = (message: Msg): void => {
    const agentId = senderOf(message)
    if (agentId === undefined) return
    counters.heartbeat += 1
    const handle = (heartbeat: Heartbeat) => handlers.heartbeat(agentId, heartbeat)
    void serve(message, agentId, { decode: decodeHeartbeat, handle, refusal: () => undefined }, HeartbeatAck)
  }
  const onEvents = (message: Msg): void => {
    const agentId = senderOf(message)
    if (agentId === undefined) return
    counters.events += 1
    failpoint('hub.events.received')
    const refuse = (reason: string, text: string) => EventAck.fromPartial({ refused: reason, message: text })
    const call = {
      decode: decodeEvents,
      handle: (batch: EventBatch) => handlers.events(agentId, batch),
      refusal: (error: unknown) => refuse(reasonOf(error).reason, reasonOf(error).message),
    }
    const isQueued = queue.add(agentId, message.data.length, () =>
      serve(message, agentId, call, EventAck, () => failpoint('hub.events.before-reply')),
    )
    if (!isQueued) message.respond(EventAck.encode(refuse('Busy', 'Too many batches are waiting; send this one again later.')).finish())
  }
  const onReply = (message: Msg): void => {
    const [, agentId = '', , id = '', ...rest] = message.subject.split('.')
    const isNoResponder = message.data.length === 0 && message.headers?.code === 503
    if (rest.length === 0 && orders.answer(agentId, id, message.data, isNoResponder)) counters.reply += 1
    else counters.dropped += 1
  }

  const onConnection = (connection: NatsConnection): void => {
    const on = (subject: string, handle: (message: Msg) => void): void => {
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error !== null) return log.error({ subject, error: error.message }, 'a control-plane subscription has failed')
          try {
            handle(message)
          } catch (cause) {
            log.error({ subject: message.subject, error: (cause as Error).message }, 'a control-plane message was dropped')
          }
        },
      })
    }
    on(fromAgent.hello('*'), onHello)
    on(fromAgent.heartbeat('*'), onHeartbeat)
    on(fromAgent.events('*'), onEvents)
    on(fromAgent.reply('*', '*'), onReply)
  }
  const connection: BusConnection = keepBusConnection({
    ...options,
    name: 'moorline-hub',
    onConnection,
    onLost: () => orders.rejectAll('The connection to the NATS server has ended.'),
  })

  return {
    isConnected: () => connection.current() !== undefined,
    poke: connection.poke,
    sendOrder(agentId, kind, order, timeoutMs) {
      const current = connection.current()
      if (!agentIdPattern.test(agentId) || current === undefined) {
        return Promise.reject(new OrderError('Unavailable', 'The hub is not connected to the NATS server.'))
      }
      const bytes = SignedOrder.encode(order).finish()
      if (bytes.length > limits.natsPayloadBytes)
        return Promise.reject(new OrderError('Unavailable', `The order has ${bytes.length} bytes, allowed are ${limits.natsPayloadBytes}.`))
      return orders.send(agentId, timeoutMs, (id) =>
        current.publish(toAgent[kind](agentId), bytes, { reply: fromAgent.reply(agentId, id) }),
      )
    },
    notify(agentId, notice) {
      const current = connection.current()
      if (!agentIdPattern.test(agentId) || current === undefined) return
      try {
        current.publish(toAgent.notice(agentId), Notice.encode(Notice.fromPartial(notice)).finish())
      } catch (error) {
        log.debug({ agentId, error: (error as Error).message }, 'a notice could not be sent')
      }
    },
    counters: () => ({ ...counters }),
    async close() {
      orders.rejectAll('The hub is stopping.')
      await queue.idle()
      await connection.close()
    },
  }
}
