// Every way a tunnel stream can fail, for the callers at the hub and for docs/errors.md.

export interface TunnelErrorEntry {
  isRetryable: boolean
  summary: string
  /** What to do next. */
  next: string
}

export const tunnelErrorCatalogue = {
  NotAllowed: {
    isRetryable: false,
    summary: 'The hub does not allow this user to open this target.',
    next: 'Ask an admin for an AccessBinding.',
  },
  TargetNotAllowed: {
    isRetryable: false,
    summary: 'The machine’s policy has no tunnel target of this name.',
    next: 'On the machine, add it under tunnel.targets of the agent’s policy file and restart the agent.',
  },
  TargetUnreachable: {
    isRetryable: true,
    summary: 'The agent cannot connect to the target.',
    next: 'Check on the machine that the target listens on the host and port of the policy file.',
  },
  AgentUnreachable: {
    isRetryable: true,
    summary: 'The agent did not open a tunnel connection in time.',
    next: 'Look at the Machine’s Connected condition and at the agent’s log for the reason why it cannot dial.',
  },
  IdentityRefused: {
    isRetryable: false,
    summary: 'The agent’s identity is not accepted any more.',
    next: 'Look at the Machine’s conditions; enrol it again when it was revoked.',
  },
  Busy: {
    isRetryable: true,
    summary: 'The agent’s tunnel has too many streams or too much unread data.',
    next: 'Close streams that nobody reads, then try again.',
  },
  Timeout: {
    isRetryable: true,
    summary: 'The stream was not open in time.',
    next: 'Try again; if it stays, look at the agent’s log.',
  },
  Canceled: { isRetryable: false, summary: 'The caller gave up.', next: 'Nothing is to be done.' },
  Lost: {
    isRetryable: true,
    summary: 'The connection to the agent was lost; what was transferred may be incomplete.',
    next: 'Open the stream again: the agent dials a new connection.',
  },
  Reset: {
    isRetryable: true,
    summary: 'The other end broke the stream off; what was transferred may be incomplete.',
    next: 'Repeat the transfer; the log of the side that broke it off has the reason.',
  },
  Draining: { isRetryable: true, summary: 'The hub is stopping.', next: 'Try again when it is back.' },
} as const satisfies Record<string, TunnelErrorEntry>

export type TunnelErrorCode = keyof typeof tunnelErrorCatalogue

export class TunnelError extends Error {
  readonly code: TunnelErrorCode
  constructor(code: TunnelErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TunnelError'
    this.code = code
  }
  get isRetryable(): boolean {
    return tunnelErrorCatalogue[this.code].isRetryable
  }
}

export const isTunnelErrorCode = (text: unknown): text is TunnelErrorCode =>
  typeof text === 'string' && Object.hasOwn(tunnelErrorCatalogue, text)
