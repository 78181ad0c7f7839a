// The tunnel's wire: a TLS connection that the agent dials, on which the hub is the HTTP/2 client and opens CONNECT streams.
// Names, headers and every size and time of it, for both ends.

/** One connection each, so that a keystroke never waits behind a copy. */
export const tunnelClasses = ['interactive', 'bulk'] as const
export type TunnelClass = (typeof tunnelClasses)[number]

/** The class of a connection travels as its ALPN protocol. */
export const tunnelProtocols: Readonly<Record<TunnelClass, string>> = {
  interactive: 'moorline-interactive/1',
  bulk: 'moorline-bulk/1',
}

export const tunnelClassOf = (alpnProtocol: string | false | null): TunnelClass | undefined =>
  tunnelClasses.find((name) => tunnelProtocols[name] === alpnProtocol)

/** A name from the machine's policy, never an address: whatever looks like one matches nothing. */
export const tunnelTargetPattern = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/

/** As many as a machine's policy may have, with the two that are not addresses. */
export const tunnelTargetsMost = 66

/** Targets with a meaning of their own: the API of the cluster the agent stands for, and a shell on the machine. */
export const kubeTarget = 'kube'
export const terminalTarget = 'terminal'

export const tunnelHeaders = {
  /** `<counter>.<hmac>`: the counter only grows on a connection, the HMAC-SHA256 is keyed with the connection's ticket. */
  nonce: 'moorline-nonce',
  /** Percent-encoded; who asked, for the agent's log and policy. */
  user: 'moorline-user',
  /** With a refusal: a code of the tunnel catalogue and a percent-encoded sentence. */
  reason: 'moorline-reason',
  message: 'moorline-message',
} as const

/** What the nonce's HMAC covers. */
export const noncePayload = (counter: number, target: string, user: string): string => `${counter}\n${target}\n${user}`

export const tunnelTicketPattern = /^[A-Za-z0-9_-]{43}$/

const mebibyte = 1024 * 1024

/** Milliseconds and counts. */
export const tunnelLimits = {
  /** Whole of an open(), dial included, unless the caller says otherwise. */
  openTimeoutMs: 15_000,
  /** From the request to the agent until its connection is there; the request is repeated meanwhile. */
  dialTimeoutMs: 15_000,
  repeatRequestMs: 2_000,
  ticketLifetimeMs: 60_000,
  targetConnectMs: 10_000,
  idleMs: 60_000,
  pingIntervalMs: 5_000,
  /** Nothing heard for this long, not even an answer to a ping: the connection is dead. Found within one interval more. */
  silenceMs: 20_000,
  drainMs: 10_000,
  streamsPerSession: 1024,
  /** Of one stream at the hub, when they are tiny: an agent that has been taken over could fill its memory with objects. */
  unreadPieces: 20_000,
  userBytes: 512,
  messageBytes: 512,
} as const

/** Bytes that one agent's streams may hold unread at the hub (and the hub's at the agent), over both connections. */
export const unreadBudgetBytes = 64 * mebibyte

/**
 * Node's own limit of what an HTTP/2 connection holds, in megabytes: out of the way. Node counts what waits on a stream and does not
 * take it back when the stream is reset, so that any limit ends a connection on which enough has been broken off. What streams hold is
 * bounded by their windows, their number and what TunnelStream lets them have in flight.
 */
export const tunnelSessionMemoryMb = 1_000_000

/** For a connection as a whole: the largest that HTTP/2 allows (RFC 9113 section 6.9.1). A stalled stream cannot use it up. */
export const tunnelConnectionWindowBytes = 2 ** 31 - 1

/** What the other side may send on one stream before it is read. Bytes. */
export const tunnelWindowBytes = { least: 256 * 1024, interactive: mebibyte, bulkStart: mebibyte, bulkMost: 16 * mebibyte } as const

/** The rate that a bulk window is made for; a window of half the product would halve it, because updates come at half a window. */
const bulkBytesPerMs = (200 * mebibyte) / 1000

/**
 * The window of each stream of a connection with `streams` open ones and a round trip of `roundTripMs`. A power of two, so that it
 * seldom changes. Rate is window ÷ round trip: near, 1 MiB fills the line and a stalled reader costs no more than that; far, a bulk
 * stream needs up to 16 MiB. Many streams share the unread budget down to 256 KiB each.
 */
export function streamWindowBytes(tunnelClass: TunnelClass, streams: number, roundTripMs: number): number {
  const { least, interactive, bulkStart, bulkMost } = tunnelWindowBytes
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, bulkBytesPerMs * roundTripMs)))
  const most = tunnelClass === 'interactive' ? interactive : Math.min(bulkMost, Math.max(bulkStart, wanted))
  const share = 2 ** Math.floor(Math.log2(unreadBudgetBytes / Math.max(1, streams)))
  return Math.max(least, Math.min(most, share))
}
