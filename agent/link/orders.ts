// Orders and notices from the hub, from bytes to the handlers and back. What cannot be decoded is dropped and logged; whether an
// order is genuine is judged by its signature, in agent/tasks. Nothing is taken before the hub has accepted this machine: a copy of
// the machine gets the same messages on the same subjects, and must not run what is meant for the original.
import type { ControlPlane } from '#agent/link/control-plane.ts'
import type { LinkHandlers } from '#agent/link/types.ts'
import { Notice, OrderAck, SignedOrder } from '#proto/moorline/v1/control.ts'
import { toAgent } from '#shared/contract/subjects.ts'
import type { Log } from '#shared/log/log.ts'

export interface OrderOptions {
  plane: ControlPlane
  agentId: string
  handlers: LinkHandlers
  /** Resolves with the hub's answer to Hello; while there is none yet, waits for it. */
  isAccepted(): Promise<boolean>
  log: Log
}

export function serveOrders({ plane, agentId, handlers, isAccepted, log }: OrderOptions): void {
  const serve = (subject: string, handle: (order: SignedOrder) => Promise<OrderAck>) =>
    plane.serve(subject, (data, answer) => {
      const order = decode(SignedOrder, data, subject, log)
      if (!order) return
      isAccepted()
        .then(async (isMine) => {
          if (isMine) answer?.(OrderAck.encode(await handle(order)).finish())
          else log.warn({ subject }, 'order: not taken, the hub has not accepted this machine')
        })
        // No answer means: not durable here. The hub sends it again.
        .catch((error: Error) => log.error({ err: error, subject }, 'order: not handled, the hub will send it again'))
    })
  serve(toAgent.task(agentId), handlers.onTask)
  serve(toAgent.cancel(agentId), handlers.onCancel)
  plane.serve(toAgent.notice(agentId), (data) => {
    const notice = decode(Notice, data, toAgent.notice(agentId), log)
    if (!notice) return
    isAccepted()
      .then((isMine) => void (isMine && handlers.onNotice(notice)))
      .catch((error: Error) => log.error({ err: error, kind: notice.kind }, 'notice: not handled'))
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
