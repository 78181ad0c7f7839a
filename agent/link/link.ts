// The agent's link to its hub: keeps one control-plane connection alive with full-jitter reconnects, carries orders in and events
// out, and gives the procedures of the gRPC plane. The agent opens no listener: everything here is dialled.
import type { Proxy } from '#agent/config/proxy.ts'
import { type ControlPlane, openControlPlane } from '#agent/link/control-plane.ts'
import type { Endpoint } from '#agent/link/dialer.ts'
import { probeProcedures } from '#agent/link/grpc-health.ts'
import { createGrpcProbe } from '#agent/link/grpc-probe.ts'
import { createLazyProcedures, type LazyProcedures } from '#agent/link/procedures.ts'
import { serveOrders } from '#agent/link/orders.ts'
import { runSession } from '#agent/link/session.ts'
import { createState } from '#agent/link/state.ts'
import type { Hello, Identity, LinkHandlers, LinkState } from '#agent/link/types.ts'
import { createVerdict } from '#agent/link/verdict.ts'
import { EventAck, EventBatch, type HelloReply, type PlaneState } from '#proto/moorline/v1/control.ts'
import { type Clock, waitFor } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { fromAgent, serverNames } from '#shared/contract/subjects.ts'
import { AgentError } from '#shared/errors/agent-error.ts'
import { fullJitterMs, reconnectBackoff } from '#shared/flow/backoff.ts'
import type { Log } from '#shared/log/log.ts'

export const eventsTimeoutMs = 15_000
const probeTimeoutMs = 15_000

export interface LinkOptions {
  /** A function is asked before each connection: the way to a renewed identity. */
  identity: Identity | (() => Identity)
  hub: Endpoint
  proxy?: Proxy
  clock: Clock
  random: () => number
  log: Log
  handlers: LinkHandlers
  hello(): Hello
  /** For heartbeats. */
  status?(): { lastSequence: bigint; runningTasks: number }
  /** Hello was accepted on a connection with this identity. */
  onIdentityUsed?(identity: Identity, reply: HelloReply): void
  /** The hub or its NATS server did not accept this identity, or (HubClosed) closed without a word, which may mean the same. */
  onIdentityRefused?(identity: Identity, error: AgentError): void
}

export interface Link {
  start(): void
  /** Closes both planes; resolves when no timer or socket is left. */
  stop(): Promise<void>
  state(): LinkState
  /** Rejects when the link is not up or the hub does not answer within 15 s; the batch may have been applied then. */
  sendEvents(batch: EventBatch): Promise<EventAck>
  /** After each accepted Hello, with what the hub has committed. Returns the way to stop listening. */
  onUp(callback: (committedSequence: bigint) => void): () => void
  onDown(callback: () => void): () => void
  onChange(callback: (state: LinkState) => void): () => void
  procedures: LazyProcedures
  /** What a plane that others keep says of itself; undefined when it is not in use. */
  reportPlane(name: string, state: PlaneState | undefined): void
  /** Probes the gRPC plane now. */
  probe(): Promise<void>
  /** Drops the connection and comes back at once, with the identity of then. */
  reconnect(): void
  /** The hub's clock as of the last Hello, carried on by the monotonic clock; this machine's before the first. */
  hubTime(): Date
}

export function createLink(options: LinkOptions): Link {
  const { hub, proxy, clock, random, log, handlers, hello } = options
  const identity = () => (typeof options.identity === 'function' ? options.identity() : options.identity)
  const stopping = new AbortController()
  const state = createState(hub, clock)
  const up = new Set<(committedSequence: bigint) => void>()
  const down = new Set<() => void>()
  let plane: ControlPlane | undefined
  let connection = new AbortController()
  let isUp = false
  const verdict = createVerdict()
  let isReconnectWanted = false
  let wake = new AbortController()
  let hubClock: { atMs: number; time: number } | undefined
  let loop: Promise<void> | undefined

  const grpcPlane = { hub, proxy, clock, tls: () => ({ servername: serverNames.grpc, trust: identity(), client: identity() }) }
  const procedures = createLazyProcedures({
    ...grpcPlane,
    onError: (error) => log.debug({ err: error }, 'procedures: connection failed'),
  })
  const probe = createGrpcProbe({
    check: () => probeProcedures({ ...grpcPlane, signal: stopping.signal }, probeTimeoutMs),
    clock,
    random,
    isHubThere: () => isUp,
    onState: state.setPlane,
    onUnknown() {
      state.dropPlane('grpc')
      // So is the channel's own back-off.
      procedures.reset()
    },
  })

  const goDown = () => {
    if (!isUp) return
    isUp = false
    for (const callback of down) callback()
  }

  const accepted = (used: Identity, reply: HelloReply) => {
    if (reply.serverTime) hubClock = { atMs: clock.monotonicMs(), time: reply.serverTime.getTime() }
    state.succeeded()
    options.onIdentityUsed?.(used, reply)
    goDown()
    isUp = true
    verdict.give(true)
    probe.hubIsBack()
    log.info({ hub: `${hub.host}:${hub.port}`, committedSequence: String(reply.committedSequence) }, 'link: up')
    for (const callback of up) callback(reply.committedSequence)
  }

  /** One connection from dial to loss; always rejects. */
  const once = async (): Promise<never> => {
    const used = identity()
    const own = new AbortController()
    connection = own
    const signal = AbortSignal.any([stopping.signal, own.signal])
    try {
      state.setPhase('connecting')
      plane = await openControlPlane({ identity: used, hub, proxy, clock, signal })
      verdict.wait()
      serveOrders({ plane, agentId: used.agentId, handlers, isAccepted: verdict.current, log })
      void plane.closed.then((error) => own.abort(error ?? new Error('the connection was closed')))
      const session = runSession({
        plane,
        agentId: used.agentId,
        clock,
        random,
        signal,
        hello: () => ({ ...hello(), certificateSerial: used.serial }),
        heartbeat: () => ({ lastSequence: 0n, runningTasks: 0, ...options.status?.(), planes: state.get().planes }),
        onPhase: (phase) => {
          if (phase !== 'up') goDown()
          if (phase === 'greeting') verdict.wait()
          if (phase === 'refused') verdict.give(false)
          state.setPhase(phase)
        },
        onAccepted: (reply) => accepted(used, reply),
        onNatsPlane: state.setPlane,
        onError: (error) => failed(error, used),
      })
      return await session
    } finally {
      const closing = plane
      plane = undefined
      own.abort(new Error('the connection is being closed'))
      verdict.give(false)
      goDown()
      await closing?.close()
    }
  }

  const failed = (error: Error, used: Identity) => {
    state.failed(error)
    log.warn({ err: error, hub: `${hub.host}:${hub.port}` }, 'link: not connected as it should be')
    if (error instanceof AgentError && (error.code === 'IdentityRefused' || error.code === 'HubClosed'))
      options.onIdentityRefused?.(used, error)
  }

  const run = async () => {
    let attempt = 0
    while (!stopping.signal.aborted) {
      const wasUp = state.upCount()
      try {
        await once()
      } catch (error) {
        if (stopping.signal.aborted) break
        if (state.upCount() > wasUp) attempt = 0
        if (!isReconnectWanted) failed(error as Error, identity())
      }
      state.setPlane({ name: 'nats', ok: false, reason: 'Disconnected', roundTripUs: 0 })
      const delayMs = isReconnectWanted ? 0 : fullJitterMs(attempt, random(), reconnectBackoff)
      isReconnectWanted = false
      attempt += 1
      state.setPhase('waiting', delayMs)
      wake = new AbortController()
      await waitFor(clock, delayMs, AbortSignal.any([stopping.signal, wake.signal])).catch((error: Error) => {
        // Woken by stop() or reconnect(): the loop's head decides what comes next.
        if (!stopping.signal.aborted && !wake.signal.aborted) throw error
      })
    }
    state.setPhase('stopped')
  }

  const listen = <T>(set: Set<T>, callback: T) => {
    set.add(callback)
    return () => void set.delete(callback)
  }

  return {
    start() {
      loop ??= run()
      probe.start()
    },
    async stop() {
      stopping.abort(new Error('the link is stopping'))
      probe.stop()
      procedures.close()
      await loop
    },
    state: state.get,
    async sendEvents(batch) {
      if (!plane || !isUp) throw new Error('the link is not up')
      const data = EventBatch.encode(batch).finish()
      if (data.length > limits.natsPayloadBytes)
        throw new Error(`an event batch of ${data.length} bytes is over the limit of the control plane`)
      return EventAck.decode(await plane.request(fromAgent.events(identity().agentId), data, eventsTimeoutMs))
    },
    onUp: (callback) => listen(up, callback),
    onDown: (callback) => listen(down, callback),
    onChange: state.onChange,
    procedures,
    reportPlane: (name, plane) => (plane ? state.setPlane(plane) : state.dropPlane(name)),
    probe: probe.now,
    reconnect() {
      isReconnectWanted = true
      procedures.reset()
      wake.abort(new Error('reconnect'))
      connection.abort(new Error('reconnect'))
      void plane?.close()
    },
    hubTime: () => (hubClock ? new Date(hubClock.time + (clock.monotonicMs() - hubClock.atMs)) : clock.now()),
  }
}
