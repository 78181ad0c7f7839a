// Orders on their way: each has a reply subject that nobody can guess, and only the agent that was asked can answer on it.
import { randomBytes } from 'node:crypto'
import type { OrderAck } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { OrderError } from '../types.ts'
import { decodeOrderAck } from './validate.ts'

export interface PendingOrders {
  /** Calls `publish` with the id that the reply subject ends in. Rejects with OrderError. */
  send(agentId: string, timeoutMs: number, publish: (id: string) => void): Promise<OrderAck>
  /** A message on `fleet.<agentId>.reply.<id>`. False when nothing waits for it. */
  answer(agentId: string, id: string, data: Uint8Array, isNoResponder: boolean): boolean
  rejectAll(message: string): void
}

export function createPendingOrders(clock: Clock): PendingOrders {
  const pending = new Map<string, { agentId: string; resolve(ack: OrderAck): void; reject(error: OrderError): void }>()
  return {
    send: (agentId, timeoutMs, publish) =>
      new Promise((resolve, reject) => {
        const id = randomBytes(16).toString('hex')
        const timer = clock.setTimer(timeoutMs, () => {
          pending.delete(id)
          reject(new OrderError('Timeout', `The agent did not answer within ${timeoutMs} ms.`))
        })
        const settle = (run: () => void): void => {
          timer.cancel()
          pending.delete(id)
          run()
        }
        pending.set(id, {
          agentId,
          resolve: (ack) => settle(() => resolve(ack)),
          reject: (error) => settle(() => reject(error)),
        })
        try {
          publish(id)
        } catch (error) {
          pending.get(id)?.reject(new OrderError('Unavailable', `The order could not be sent: ${(error as Error).message}`))
        }
      }),
    answer(agentId, id, data, isNoResponder) {
      const order = pending.get(id)
      if (order === undefined || order.agentId !== agentId) return false
      if (isNoResponder) order.reject(new OrderError('NotConnected', 'No agent is listening for orders under this id.'))
      else {
        try {
          order.resolve(decodeOrderAck(data))
        } catch (error) {
          order.reject(new OrderError('BadReply', `The agent's answer is not valid: ${(error as Error).message}`))
        }
      }
      return true
    },
    rejectAll(message) {
      for (const order of [...pending.values()]) order.reject(new OrderError('Unavailable', message))
    },
  }
}
