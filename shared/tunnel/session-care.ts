// What both ends do for a tunnel connection while it is open: windows that follow round trip and number of streams, and pings by
// which a half-open connection is found.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { streamWindowBytes, type TunnelClass, tunnelConnectionWindowBytes, tunnelLimits } from '#shared/contract/tunnel.ts'

/** What this needs of node:http2's Http2Session. */
export interface CaredSession {
  readonly destroyed: boolean
  setLocalWindowSize(bytes: number): void
  settings(settings: { initialWindowSize: number }, done: (error: Error | null) => void): void
  ping(done: (error: Error | null, durationMs: number) => void): boolean
}

export interface SessionCareOptions {
  session: CaredSession
  /** The connection under the session: what arrives on it is a sign of life. */
  socket: { readonly bytesRead: number }
  tunnelClass: TunnelClass
  clock: Clock
  /** Nothing was heard for too long. Called once. */
  onSilent(silentMs: number): void
}

export interface SessionCare {
  /** Tell it whenever a stream opens or closes. */
  streams(count: number): void
  /** Milliseconds, the smallest seen; undefined before the first answer. */
  roundTripMs(): number | undefined
  windowBytes(): number
  stop(): void
}

/** The window that a connection announces first: what it is with few streams and an unknown round trip. */
export const firstWindowBytes = (tunnelClass: TunnelClass): number => streamWindowBytes(tunnelClass, 1, 0)

export function careForSession({ session, socket, tunnelClass, clock, onSilent }: SessionCareOptions): SessionCare {
  session.setLocalWindowSize(tunnelConnectionWindowBytes)
  let streams = 0
  let roundTripMs: number | undefined
  let announced = firstWindowBytes(tunnelClass)
  let isAnnouncing = false
  let timer: Timer | undefined
  let heardBytes = socket.bytesRead
  let heardMs = clock.monotonicMs()
  let isStopped = false

  const announce = (): void => {
    const wanted = streamWindowBytes(tunnelClass, streams, roundTripMs ?? 0)
    if (wanted === announced || isAnnouncing || session.destroyed) return
    isAnnouncing = true
    announced = wanted
    session.settings({ initialWindowSize: wanted }, () => {
      isAnnouncing = false
      announce()
    })
  }
  const ping = (): void => {
    if (session.destroyed) return
    // Too many unanswered ones return false: the silence is what counts then.
    session.ping((error, durationMs) => {
      if (error !== null) return
      roundTripMs = Math.min(roundTripMs ?? durationMs, durationMs)
      announce()
    })
  }
  const beat = (): void => {
    if (isStopped || session.destroyed) return
    const now = clock.monotonicMs()
    if (socket.bytesRead !== heardBytes) {
      heardBytes = socket.bytesRead
      heardMs = now
    } else if (now - heardMs >= tunnelLimits.silenceMs) {
      onSilent(now - heardMs)
      return
    }
    ping()
    timer = clock.setTimer(tunnelLimits.pingIntervalMs, beat, true)
  }
  beat()

  return {
    streams(count) {
      streams = count
      announce()
    },
    roundTripMs: () => roundTripMs,
    windowBytes: () => announced,
    stop() {
      isStopped = true
      timer?.cancel()
    },
  }
}
