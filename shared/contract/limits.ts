// Every size and time limit of the wire in one place. Bytes and milliseconds.
export const limits = {
  clientHelloBytes: 16 * 1024,
  clientHelloTimeoutMs: 3_000,
  apiBodyBytes: 3 * 1024 * 1024,
  natsPayloadBytes: 1024 * 1024,
  natsConnectLineBytes: 16 * 1024,
  eventBatchBytes: 512 * 1024,
  eventBatchCount: 500,
  outputChunkBytes: 64 * 1024,
  taskResultBytes: 512 * 1024,
  taskInputBytes: 512 * 1024,
  taskLogBytes: 64 * 1024 * 1024,
  jsonDepth: 64,
  grpcMessageBytes: 4 * 1024 * 1024,
  artifactChunkBytes: 64 * 1024,
  heartbeatIntervalMs: 10_000,
  /** Heartbeats missed for this long make a machine Disconnected. */
  heartbeatWindowMs: 30_000,
  protocolVersion: 1,
  agentCertificateMs: 7 * 24 * 3600 * 1000,
  journalBytes: 64 * 1024 * 1024,
} as const
