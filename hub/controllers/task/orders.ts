// Builds and signs what is sent to an agent.
import type { Task } from '#shared/contract/task.ts'
import { Order, type SignedOrder } from '#proto/moorline/v1/control.ts'
import { defaultTimeoutSeconds } from './waiting.ts'

/** An order is signed anew for each send; a recorded one is worth nothing after this. */
const validMs = 10 * 60_000

export interface TaskSigner {
  sign(payload: Uint8Array): SignedOrder
}

export interface OrderSubject {
  task: Task
  agentId: string
  attempt: number
  deadline: Date
  now: Date
  nonce: string
}

export function taskOrder(signer: TaskSigner, { task, agentId, attempt, deadline, now, nonce }: OrderSubject): SignedOrder {
  const value = {
    agentId,
    attempt,
    nonce,
    taskUid: task.metadata.uid ?? '',
    taskName: task.metadata.name,
    action: task.spec.action,
    inputJson: Buffer.from(JSON.stringify(task.spec.input ?? {})),
    timeoutMs: BigInt((task.spec.timeoutSeconds ?? defaultTimeoutSeconds) * 1000),
    issuedAt: now,
    notAfter: new Date(Math.min(deadline.getTime(), now.getTime() + validMs)),
  }
  return signer.sign(Order.encode({ order: { $case: 'task', value } }).finish())
}

export function cancelOrder(signer: TaskSigner, { task, agentId, attempt, now, nonce }: Omit<OrderSubject, 'deadline'>): SignedOrder {
  const value = { agentId, attempt, nonce, taskUid: task.metadata.uid ?? '', issuedAt: now, notAfter: new Date(now.getTime() + validMs) }
  return signer.sign(Order.encode({ order: { $case: 'cancel', value } }).finish())
}
