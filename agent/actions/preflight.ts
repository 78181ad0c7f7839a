import type { PreflightInput } from '#shared/contract/actions.ts'
import type { PreflightRow } from '#shared/contract/preflight.ts'
import type { Action } from './types.ts'

export type RunPreflight = (options: { input: PreflightInput; onRow: (row: PreflightRow) => void; signal: AbortSignal }) => Promise<unknown>

/** Rows leave as each check ends; the result has them all again, so that it stands by itself. A failed check is a finding, not a failed task. */
export function createPreflightAction(run: RunPreflight): Action {
  return {
    name: 'preflight',
    isMutating: false,
    afterCrash: 'runAgain',
    run: async (input, context) => run({ input: input as PreflightInput, onRow: context.row, signal: context.signal }),
  }
}
