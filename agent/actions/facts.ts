import type { Action } from './types.ts'

export function createFactsAction(collect: (signal: AbortSignal) => Promise<unknown>): Action {
  return { name: 'facts', isMutating: false, afterCrash: 'runAgain', run: (_input, { signal }) => collect(signal) }
}
