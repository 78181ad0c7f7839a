// The conversation on one control-plane connection: Hello until the hub accepts it, then heartbeats with their echo.
// Ends by throwing when the connection is dead; a hub that does not answer behind a live NATS server is waited for.
import type { ControlPlane } from '#agent/link/control-plane.ts'
import type { Hello, LinkPhase } from '#agent/link/types.ts'
import { Heartbeat, HeartbeatAck, HelloReply, Hello as HelloMessage, type PlaneState } from '#proto/moorline/v1/control.ts'
import { type Clock, waitFor } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { fromAgent } from '#shared/contract/subjects.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'

export const requestTimeoutMs = 10_000
/** A lost heartbeat (10 s + 10 s) and a lost ping make a half-open connection known within 25 s. */
export const pingTimeoutMs = 5_000
const helloBackoff = { baseMs: 1_000, maxMs: 30_000 }
const refusedBackoff = { baseMs: 10_000, maxMs: 120_000 }

export interface SessionOptions {
  plane: ControlPlane
  agentId: string
  clock: Clock
  random: () => number
  signal: AbortSignal
  hello(): Hello
  heartbeat(): { planes: PlaneState[]; lastSequence: bigint; runningTasks: number }
  onPhase(phase: Extract<LinkPhase, 'greeting' | 'refused' | 'up'>): void
  onAccepted(reply: HelloReply): void
  onNatsPlane(state: PlaneState): void
  onError(error: Error): void
}

/** @throws when the connection is dead, or the signal's reason */
export async function runSession(options: SessionOptions): Promise<never> {
  for (;;) {
    const reply = await greet(options)
    await beat(options, reply)
  }
}

async function greet({
  plane,
  agentId,
  clock,
  random,
  signal,
  hello,
  onPhase,
  onAccepted,
  onError,
  onNatsPlane,
}: SessionOptions): Promise<HelloReply> {
  onPhase('greeting')
  for (let attempt = 0; ; attempt++) {
    const sentMs = clock.monotonicMs()
    const reply = await answered(
      plane.request(fromAgent.hello(agentId), HelloMessage.encode(hello()).finish(), requestTimeoutMs),
      HelloReply,
    )
    signal.throwIfAborted()
    if (reply instanceof Error) {
      onNatsPlane(planeState('NoEcho'))
      onError(reply)
      await plane.ping(pingTimeoutMs)
      await waitFor(clock, fullJitterMs(attempt, random(), helloBackoff), signal)
    } else if (reply.accepted) {
      onNatsPlane(planeState('', clock.monotonicMs() - sentMs))
      onAccepted(reply)
      onPhase('up')
      return reply
    } else {
      onPhase('refused')
      onError(new AgentError('IdentityRefused', `the hub refused this agent: ${reply.reason}: ${reply.message}`))
      await waitFor(clock, fullJitterMs(attempt, random(), refusedBackoff), signal)
    }
  }
}

/** Returns when the hub asks for another Hello. */
async function beat(
  { plane, agentId, clock, random, signal, heartbeat, onNatsPlane, onError }: SessionOptions,
  accepted: HelloReply,
): Promise<void> {
  const intervalMs = Math.min(60_000, Math.max(1_000, accepted.heartbeatIntervalMs || limits.heartbeatIntervalMs))
  let lastAcknowledged = 0n
  // The first one is spread over the interval: agents that came back together must not beat together.
  let delayMs = random() * intervalMs
  for (let counter = 1n; ; counter++) {
    await waitFor(clock, delayMs, signal)
    const sentMs = clock.monotonicMs()
    const message = Heartbeat.encode({ counter, lastAcknowledged, ...heartbeat() }).finish()
    const ack = await answered(plane.request(fromAgent.heartbeat(agentId), message, requestTimeoutMs), HeartbeatAck)
    signal.throwIfAborted()
    const tookMs = clock.monotonicMs() - sentMs
    if (ack instanceof Error || ack.counter !== counter) {
      onNatsPlane(planeState('NoEcho'))
      onError(ack instanceof Error ? ack : new Error(`heartbeat ${counter} was answered as ${ack.counter}`))
      await plane.ping(pingTimeoutMs)
    } else {
      lastAcknowledged = counter
      onNatsPlane(planeState('', tookMs))
      if (!ack.known) return
    }
    delayMs = Math.max(0, intervalMs - (clock.monotonicMs() - sentMs))
  }
}

function planeState(reason: string, roundTripMs = 0): PlaneState {
  return { name: 'nats', ok: reason === '', reason, roundTripUs: Math.min(2 ** 32 - 1, Math.round(roundTripMs * 1000)) }
}

async function answered<T>(request: Promise<Uint8Array>, codec: { decode(data: Uint8Array): T }): Promise<T | Error> {
  try {
    return codec.decode(await request)
  } catch (error) {
    const code = (error as { code?: string }).code
    // The nats package's word for "no subscriber": the NATS server is there and the hub is not.
    if (code === '503') return new Error('the hub is not connected to its NATS server')
    return error instanceof Error && code !== undefined ? error : new Error(messageOf(error), { cause: error })
  }
}
