// Why a terminal on a machine was refused or has ended, beside the program's own end. One table for agent, hub and docs/errors.md.

export interface TerminalReasonEntry {
  /** HTTP status where the terminal was refused before it began. */
  status: number
  summary: string
  /** What to do next. */
  next: string
}

export const terminalReasons = {
  TerminalNotAllowed: {
    status: 403,
    summary: 'The machine’s policy has no part `terminal`.',
    next: 'On the machine, add `"terminal": { "user": "root" }` (or another user) to the agent’s policy file and restart the agent.',
  },
  MachineNotReady: {
    status: 409,
    summary: 'The machine has no identity that could be asked: it waits for approval, was denied or revoked.',
    next: 'Look at the Machine’s phase and conditions.',
  },
  CommandNotAllowed: {
    status: 403,
    summary: 'The machine’s policy limits terminals to certain programs, and this is none of them.',
    next: 'Name a program of terminal.commands exactly as it stands there, or add this one on the machine.',
  },
  TooManySessions: {
    status: 429,
    summary: 'The machine has as many terminals as its policy allows.',
    next: 'Close one, or raise terminal.sessions in the policy.',
  },
  UserUnknown: {
    status: 409,
    summary: 'The user of the policy does not exist on the machine, or the agent cannot become this user.',
    next: 'Create the user, or correct terminal.user. An agent that does not run as root can only be itself.',
  },
  RecordingFailed: {
    status: 503,
    summary: 'The policy demands a recording and it cannot be written; without one there is no terminal.',
    next: 'Free space in the agent’s state directory.',
  },
  RecordingFull: {
    status: 503,
    summary: 'The recording of this session has reached its limit.',
    next: 'Open another terminal; send large output to a file.',
  },
  CannotStart: {
    status: 503,
    summary: 'The shell or program could not be started.',
    next: 'See the message and the agent’s log.',
  },
  Idle: {
    status: 408,
    summary: 'Nobody has used it for as long as the policy allows.',
    next: 'Open another one; terminal.idleSeconds of the policy is the limit.',
  },
  AgentStopping: { status: 503, summary: 'The agent is stopping.', next: 'Try again when the machine is connected again.' },
  Disconnected: {
    status: 502,
    summary: 'The connection to the machine was lost, or ended with its identity. What ran in the terminal was ended.',
    next: 'See the Machine’s Connected condition, then open another terminal.',
  },
  ProtocolBroken: {
    status: 400,
    summary: 'One side did not keep to the protocol.',
    next: 'Update the older of hub, agent and client; the message says which rule was broken.',
  },
  HubStopping: { status: 503, summary: 'The hub is stopping.', next: 'Try again when it is back.' },
} as const satisfies Record<string, TerminalReasonEntry>

export type TerminalReason = keyof typeof terminalReasons

export const isTerminalReason = (text: string): text is TerminalReason => Object.hasOwn(terminalReasons, text)

export class TerminalError extends Error {
  readonly reason: TerminalReason
  constructor(reason: TerminalReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TerminalError'
    this.reason = reason
  }
}
