import { OperatorError } from '#shared/errors/api-error.ts'

/** The disk refused a write (full, read-only, failing). Nothing was changed; the same call may work later. */
export class JournalUnavailable extends Error {
  readonly reason: 'DiskFull' | 'DiskFailing'
  constructor(reason: 'DiskFull' | 'DiskFailing', cause: unknown) {
    super(`the journal cannot be written: ${reason === 'DiskFull' ? 'no space is left' : (cause as Error).message}`, { cause })
    this.name = 'JournalUnavailable'
    this.reason = reason
  }
}

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html). */
const codes = { perm: 3, busy: 5, locked: 6, readonly: 8, ioerr: 10, corrupt: 11, full: 13, cantopen: 14, notadb: 26 }

function codeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}

export function damaged(path: string, what: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'JournalDamaged',
    `the agent's journal ${path} is damaged: ${what}`,
    `Stop the agent, move ${path}, ${path}-wal and ${path}-shm to another directory (keep them: they hold unsent results), and start the agent again. ` +
      'It numbers its events on from what the hub has; tasks that were under way are reported by the hub when their deadline passes.',
    cause,
  )
}

/** What an error of SQLite means at open; anything else is thrown as it is. */
export function openFailure(path: string, error: unknown): unknown {
  switch (codeOf(error)) {
    case codes.corrupt:
    case codes.notadb:
      return damaged(path, (error as Error).message, error)
    case codes.busy:
    case codes.locked:
      return new OperatorError(
        'JournalInUse',
        `another process has the journal ${path} open`,
        'Only one agent may run with a state directory: stop the other one (`systemctl status moorline-agent`).',
        error,
      )
    case codes.full:
    case codes.ioerr:
    case codes.readonly:
    case codes.cantopen:
    case codes.perm:
      return new OperatorError(
        'JournalUnwritable',
        `the journal ${path} cannot be opened for writing: ${(error as Error).message}`,
        'Free space on its file system, check its owner and that the disk is not read-only, then start the agent again.',
        error,
      )
    default:
      return error
  }
}

/** What an error of SQLite means while running. */
export function writeFailure(path: string, error: unknown): unknown {
  const code = codeOf(error)
  if (code === codes.full) return new JournalUnavailable('DiskFull', error)
  if (code === codes.corrupt || code === codes.notadb) return damaged(path, (error as Error).message, error)
  if (code === codes.ioerr || code === codes.readonly || code === codes.cantopen || code === codes.perm)
    return new JournalUnavailable('DiskFailing', error)
  return error
}
