import type { LinkHandlers } from '#agent/link/types.ts'
import { OrderAck, OrderOutcome } from '#proto/moorline/v1/control.ts'

const accepted = () => Promise.resolve(OrderAck.fromPartial({ taskUid: 'uid', attempt: 1, outcome: OrderOutcome.ACCEPTED }))

export function createEmptyHandlers(more: Partial<LinkHandlers> = {}): LinkHandlers {
  return { onTask: accepted, onCancel: accepted, onNotice: () => {}, ...more }
}
