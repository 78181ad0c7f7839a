// How much output is on its way to a client, which decides how much more the machine is asked for. A browser's page and kubectl read
// through buffers of the kernel that hold megabytes: only what the client itself has confirmed counts as read.
//
// Every WebSocket client answers a ping with a pong, in the order in which it reads (RFC 6455 section 5.5.2): a pong confirms all that
// was sent before its ping. The own protocol confirms what was shown instead. While no input is taken from a client its pongs cannot be
// read either, so then what has left this process counts; else a program that reads only as fast as its output is read would wait for ever.

export interface Flow {
  sent(bytes: number): void
  /** Has left this process. */
  flushed(bytes: number): void
  pong(payload: Buffer): void
  /** @throws Error more than was sent */
  acknowledged(bytes: number): void
  /** Whether input of the client is taken. */
  setPaused(isPaused: boolean): void
  /** Bytes that were sent and not confirmed. */
  outstandingBytes(): number
}

export interface FlowOptions {
  windowBytes: number
  isOwnProtocol: boolean
  ping(payload: Buffer): void
  consumed(bytes: number): void
}

export function createFlow({ windowBytes, isOwnProtocol, ping, consumed }: FlowOptions): Flow {
  let sentTotal = 0
  let flushedTotal = 0
  let confirmedTotal = 0
  let ownTotal = 0
  let isPaused = false
  let pinged: number | undefined

  const confirm = (total: number): void => {
    if (total <= confirmedTotal) return
    const bytes = total - confirmedTotal
    confirmedTotal = total
    consumed(bytes)
  }
  const ask = (): void => {
    // Little output needs no question: most of the window is left.
    if (isOwnProtocol || pinged !== undefined || sentTotal - confirmedTotal < windowBytes / 4) return
    pinged = sentTotal
    ping(payloadOf(sentTotal))
  }
  return {
    sent(bytes) {
      sentTotal += bytes
      ask()
    },
    flushed(bytes) {
      flushedTotal += bytes
      if (isPaused) confirm(flushedTotal)
    },
    pong(payload) {
      if (pinged === undefined || !payload.equals(payloadOf(pinged))) return
      const total = pinged
      pinged = undefined
      confirm(total)
      ask()
    },
    acknowledged(bytes) {
      ownTotal += bytes
      if (ownTotal > sentTotal) throw new Error('more was acknowledged than was sent')
      confirm(ownTotal)
    },
    setPaused(now) {
      isPaused = now
      if (now) confirm(flushedTotal)
    },
    outstandingBytes: () => sentTotal - confirmedTotal,
  }
}

const payloadOf = (total: number): Buffer => Buffer.from(total.toString(36))
