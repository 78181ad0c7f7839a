// The terminal's wire inside a tunnel stream to the target `terminal`: frames of one byte of type, four of length (big endian) and a
// payload. The hub opens, both sides send data within what the other has allowed, the agent says how it ended.
import Type, { type Static } from 'typebox'

export const terminalVersion = 1

/** Bytes, milliseconds and counts. */
export const terminalLimits = {
  /** Payload of one frame. */
  frameBytes: 64 * 1024,
  /** Data in one frame. */
  dataBytes: 32 * 1024,
  /** From the accepted stream to its first frame. */
  openMs: 10_000,
  /** Output on its way to whoever reads it. With a terminal it stands between Ctrl-C and the prompt, so it is little. */
  terminalWindowBytes: 64 * 1024,
  pipeWindowBytes: 1024 * 1024,
  /** Input on its way to the process. */
  inputWindowBytes: 128 * 1024,
  columns: 1000,
  rows: 1000,
  commandItems: 256,
  commandBytes: 48 * 1024,
} as const

export const outputWindowBytes = (isTty: boolean): number => (isTty ? terminalLimits.terminalWindowBytes : terminalLimits.pipeWindowBytes)

/** By the hub: open, input, inputEnd, resize, outputCredit, close. By the agent: started, stdout, stderr, inputCredit, ended. */
export const frameTypes = {
  open: 1,
  input: 2,
  inputEnd: 3,
  resize: 4,
  /** Four bytes: so much output was taken by whoever reads it. */
  outputCredit: 5,
  close: 6,
  started: 16,
  stdout: 17,
  stderr: 18,
  /** Four bytes: so much input was taken by the process. */
  inputCredit: 19,
  ended: 20,
} as const
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

const closed = { additionalProperties: false } as const
const size = {
  columns: Type.Integer({ minimum: 1, maximum: terminalLimits.columns }),
  rows: Type.Integer({ minimum: 1, maximum: terminalLimits.rows }),
}

export const TerminalSize = Type.Object(size, closed)
export type TerminalSize = Static<typeof TerminalSize>

/** NUL would end an argument early. */
const argument = Type.String({ maxLength: terminalLimits.commandBytes, pattern: '^[^\\u0000]*$' })

export const TerminalOpen = Type.Object(
  {
    version: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    /** Program and arguments; none is the login shell. */
    command: Type.Array(argument, { maxItems: terminalLimits.commandItems }),
    tty: Type.Boolean(),
    stdin: Type.Boolean(),
    ...size,
    /** The terminal's kind, for TERM. */
    term: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._+-]{0,31}$' }),
  },
  closed,
)
export type TerminalOpen = Static<typeof TerminalOpen>

export const TerminalStarted = Type.Object({ isRecorded: Type.Boolean() }, closed)
export type TerminalStarted = Static<typeof TerminalStarted>

export const TerminalEnded = Type.Object(
  {
    /** Exited, or a code of the catalogue of terminals. */
    reason: Type.String({ pattern: '^[A-Za-z]{1,64}$' }),
    message: Type.String({ maxLength: 1024 }),
    exitCode: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
    signal: Type.Optional(Type.String({ pattern: '^SIG[A-Z0-9]{1,12}$' })),
  },
  closed,
)
export type TerminalEnded = Static<typeof TerminalEnded>
