// `moorline-agent leave`: puts the machine back as it was and forgets the identity.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openUndoJournal } from '#agent/actions/undo-journal.ts'
import { parseFlags } from '#agent/cli/flags.ts'
import { lockStateDirectory } from '#agent/cli/lock.ts'
import { type Command, exitCodes } from '#agent/cli/types.ts'
import { readConfig } from '#agent/config/config.ts'
import { openIdentityStore } from '#agent/enroll/identity-store.ts'
import { forgetPendingToken } from '#agent/enroll/pending.ts'
import { createHost } from '#agent/host/create.ts'

const usage = `Usage: moorline-agent leave [--state-dir DIR]

Undoes every change that tasks made to this machine, then removes its identity. Stop the service first. What could not be undone is
listed, and the identity stays: repeat it after repairing. The Machine on the hub stays until it is deleted there.
`

/** Belong to the identity and mean nothing without it. */
const forgotten = ['journal.db', 'journal.db-wal', 'journal.db-shm', 'status.json', 'config.json']

export const command: Command = async ({ argv, env, clock, stdout, createLog }) => {
  const flags = parseFlags('leave', argv)
  if (flags.help) {
    stdout.write(usage)
    return exitCodes.ok
  }
  const { stateDir, logLevel } = readConfig(flags, env)
  const unlock = lockStateDirectory(stateDir, process.pid)
  try {
    const host = createHost({ clock, environment: env })
    const undo = openUndoJournal({ stateDir, host, clock, log: await createLog(logLevel) })
    const outcomes = await undo.undoAll()
    for (const { path, outcome, message } of outcomes)
      stdout.write(`${outcome.padEnd(10)} ${path}${message === '' ? '' : `  ${message}`}\n`)
    if (outcomes.some(({ outcome }) => outcome === 'failed')) return exitCodes.failed
    openIdentityStore(stateDir).erase()
    forgetPendingToken(stateDir)
    for (const name of readdirSync(stateDir)) if (forgotten.includes(name)) rmSync(join(stateDir, name), { force: true })
    stdout.write('left; delete the Machine on the hub to remove it there\n')
    return exitCodes.ok
  } finally {
    unlock()
  }
}
