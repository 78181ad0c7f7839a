// HTTP/2 flow control of the agent's gRPC connections. grpc-js gives the connection the window of one stream, so that a single
// bulk stream starves every other call at distance; here a stream is bounded and the connection is not.
import diagnostics from 'node:diagnostics_channel'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { serverNames } from '#shared/contract/subjects.ts'

/** Bytes. 8 MiB carries 160 MiB/s at 50 ms round trip. */
export const streamWindowBytes = 8 * 1024 * 1024
/** Bytes, the most HTTP/2 knows (RFC 9113 6.9.1). */
export const connectionWindowBytes = 2 ** 31 - 1

export const windowOptions = { 'grpc-node.flow_control_window': streamWindowBytes } as const

const widened = new WeakSet<ClientHttp2Session>()
let isSubscribed = false

/** Widens the connection window of each session to the hub before its first stream carries data. Idempotent. */
export function widenConnectionWindows(): void {
  if (isSubscribed) return
  isSubscribed = true
  // grpc-js keeps its sessions to itself; Node announces each client stream as it is made, and the session hangs on it.
  diagnostics.subscribe('http2.client.stream.created', (message) => {
    const { session } = (message as { stream: ClientHttp2Stream }).stream
    if (!session || widened.has(session as ClientHttp2Session)) return
    widened.add(session as ClientHttp2Session)
    const names: readonly string[] = [serverNames.grpc, serverNames.enroll]
    if (names.includes(String((session.socket as { servername?: string }).servername))) session.setLocalWindowSize(connectionWindowBytes)
  })
}
