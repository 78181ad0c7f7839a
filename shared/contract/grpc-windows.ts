// HTTP/2 flow control of the gRPC plane, for both ends. The throughput of a stream is window ÷ round trip: grpc-js's default
// of 64 KiB gives 1.5 MiB/s at 40 ms, and with a connection window as small as a stream's, one bulk stream starves all calls.

/** What each end lets the other send on one stream before it has read it. Bytes. */
export const grpcStreamWindowBytes = {
  /** Agent to hub (backfill): bounds what one agent can make the hub hold. */
  hubReceives: 1024 * 1024,
  /** Hub to agent (artifacts). */
  agentReceives: 8 * 1024 * 1024,
} as const

/** For the connection as a whole: the largest that HTTP/2 allows (RFC 9113 section 6.9.1); each stream is bounded by its own. */
export const grpcConnectionWindowBytes = 2 ** 31 - 1

export const grpcMaxConcurrentStreams = 16
