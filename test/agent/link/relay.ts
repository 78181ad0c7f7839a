// A TCP relay in front of the hub that can do what networks do: cut, refuse, and go silent with everything open.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'

export interface Relay {
  port: number
  accepted(): number
  open(): number
  /** Resets every connection. */
  cut(): void
  /** New connections are reset; open ones live on. */
  refuseNew(): void
  /** Bytes stop in both directions; nothing is closed. */
  freeze(): void
  /** New connections work again; the frozen ones stay dead. */
  thaw(): void
}

export async function startRelay(t: ExecutionContext, target: number): Promise<Relay> {
  const pairs = new Set<[Socket, Socket]>()
  let accepted = 0
  let isRefusing = false
  let isFrozen = false
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    accepted += 1
    inner.on('error', () => {})
    if (isRefusing) return void inner.resetAndDestroy()
    const outer = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true })
    outer.on('error', () => {})
    const pair: [Socket, Socket] = [inner, outer]
    pairs.add(pair)
    inner.pipe(outer)
    outer.pipe(inner)
    const end = () => {
      pairs.delete(pair)
      inner.destroy()
      outer.destroy()
    }
    inner.on('close', end)
    outer.on('close', end)
    if (isFrozen) hold(pair)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hold = ([inner, outer]: [Socket, Socket]) => {
    inner.unpipe()
    outer.unpipe()
    inner.pause()
    outer.pause()
  }
  const cut = () => {
    for (const [inner, outer] of pairs) {
      inner.resetAndDestroy()
      outer.resetAndDestroy()
    }
  }
  t.teardown(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })
  return {
    port: (server.address() as { port: number }).port,
    accepted: () => accepted,
    open: () => pairs.size,
    cut,
    refuseNew() {
      isRefusing = true
    },
    freeze() {
      isFrozen = true
      for (const pair of pairs) hold(pair)
    },
    thaw() {
      isFrozen = false
    },
  }
}
