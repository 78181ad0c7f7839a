// Orders and notices from the hub, from bytes to the handlers and back. What cannot be decoded is dropped and logged; whether an
// order is genuine is judged by its signature, in agent/tasks.
import type { ControlPlane } from '#agent/link/control-plane.ts'
import type { LinkHandlers } from '#agent/link/types.ts'
import { Notice, OrderAck, SignedOrder } from '#proto/moorline/v1/control.ts'
import { toAgent } from '#shared/contract/subjects.ts'
import type { Log } from '#shared/log/log.ts'

export function serveOrders(plane: ControlPlane, agentId: string, handlers: LinkHandlers, log: Log): void {
  const serve = (subject: string, handle: (order: SignedOrder) => Promise<OrderAck>) =>
    plane.serve(subject, (data, answer) => {
      const order = decode(SignedOrder, data, subject, log)
      if (!order) return
      handle(order).then(
        // No answer means: not durable here. The hub sends it again.
        (ack) => answer?.(OrderAck.encode(ack).finish()),
        (error: Error) => log.error({ err: error, subject }, 'order: not handled, the hub will send it again'),
      )
    })
  serve(toAgent.task(agentId), handlers.onTask)
  serve(toAgent.cancel(agentId), handlers.onCancel)
  plane.serve(toAgent.notice(agentId), (data) => {
    const notice = decode(Notice, data, toAgent.notice(agentId), log)
    if (notice) handlers.onNotice(notice)
  })
}

function decode<T>(codec: { decode(data: Uint8Array): T }, data: Uint8Array, subject: string, log: Log): T | undefined {
  try {
    return codec.decode(data)
  } catch (error) {
    log.warn({ err: error, subject, bytes: data.length }, 'message from the hub could not be decoded')
    return undefined
  }
}
