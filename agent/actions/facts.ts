import type { Facts } from '#shared/contract/facts.ts'
import type { Action } from './types.ts'

export function createFactsAction(collect: () => Promise<Facts>): Action {
  return { name: 'facts', isMutating: false, afterCrash: 'runAgain', run: () => collect() }
}
