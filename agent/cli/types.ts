// What a command of moorline-agent is given; nothing below main.ts reads process.* for it.
import type { Environment } from '#agent/config/config.ts'
import type { Clock } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'

export interface CommandContext {
  /** What follows the command's name. */
  argv: readonly string[]
  env: Environment
  /** Program and first arguments that start this program again. */
  self: readonly string[]
  clock: Clock
  random: () => number
  /** Aborted by SIGTERM and SIGINT. */
  signal: AbortSignal
  /** All of it. @throws OperatorError UsageInvalid when it is longer */
  stdin(maxCharacters: number): Promise<string>
  stdout: { write(text: string): unknown; columns?: number; isTTY?: boolean }
  stderr: { write(text: string): unknown }
  /** Loaded on first use. */
  createLog(level: 'debug' | 'info' | 'warn' | 'error'): Promise<Log>
}

/** Resolves with the exit code. */
export type Command = (context: CommandContext) => Promise<number>

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const
