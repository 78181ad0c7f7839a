// The registry: every action of this agent, by name.
import type { Clock } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import type { Host } from '#agent/host/types.ts'
import { createExecAction } from './exec.ts'
import { createFactsAction } from './facts.ts'
import { createFileAction } from './file.ts'
import { createPreflightAction, type RunPreflight } from './preflight.ts'
import type { Actions } from './types.ts'
import { openUndoJournal } from './undo-journal.ts'

export interface ActionsOptions {
  host: Host
  stateDir: string
  clock: Clock
  log: Log
  preflight: RunPreflight
  facts: (signal: AbortSignal) => Promise<unknown>
}

export function createActions({ host, stateDir, clock, log, preflight, facts }: ActionsOptions): Actions {
  const undo = openUndoJournal({ stateDir, host, clock, log })
  return {
    preflight: createPreflightAction(preflight),
    facts: createFactsAction(facts),
    exec: createExecAction(host, clock),
    file: createFileAction(host, undo),
  }
}
