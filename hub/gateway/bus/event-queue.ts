// Runs each agent's event batches one after the other and different agents' side by side, within limits on what may wait.
// Both ways in, the bus and backfill, use the same queue.
export interface EventQueueLimits {
  perAgent: number
  totalBytes: number
}

export interface EventQueue {
  /** False when the agent or the hub has too much waiting; nothing was queued. */
  add(agentId: string, sizeBytes: number, run: () => Promise<void>): boolean
  /** The same for a caller that wants the result. Undefined when there is too much waiting. Rejects as `run` does. */
  call<T>(agentId: string, sizeBytes: number, run: () => Promise<T>): Promise<T | undefined>
  bytes(): number
  /** Resolves when nothing runs any more. */
  idle(): Promise<void>
}

export function createEventQueue({ perAgent, totalBytes }: EventQueueLimits): EventQueue {
  const tails = new Map<string, { count: number; tail: Promise<void> }>()
  let bytes = 0
  const queue: EventQueue = {
    add(agentId, sizeBytes, run) {
      const own = tails.get(agentId) ?? { count: 0, tail: Promise.resolve() }
      if (own.count >= perAgent || (bytes > 0 && bytes + sizeBytes > totalBytes)) return false
      own.count += 1
      bytes += sizeBytes
      const finish = (): void => {
        bytes -= sizeBytes
        own.count -= 1
        if (own.count === 0) tails.delete(agentId)
      }
      own.tail = own.tail.then(run).then(finish, finish)
      tails.set(agentId, own)
      return true
    },
    call: (agentId, sizeBytes, run) =>
      new Promise((resolve, reject) => {
        if (!queue.add(agentId, sizeBytes, () => run().then(resolve, reject))) resolve(undefined)
      }),
    bytes: () => bytes,
    async idle() {
      while (tails.size > 0) await Promise.all([...tails.values()].map(({ tail }) => tail))
    },
  }
  return queue
}
