// Why something over SSH did not work, in one word of shared/errors/task-reasons.ts and a sentence for whoever reads the task.

export class SshFailure extends Error {
  readonly reason: string
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SshFailure'
    this.reason = reason
  }
}

/** What a server says goes into messages: one line, no control characters, bounded. */
export function printable(text: string, maxLength = 512): string {
  const line = text
    .replace(/\s+/g, ' ')
    .replace(/[^\P{C}]/gu, '?')
    .trim()
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line
}
