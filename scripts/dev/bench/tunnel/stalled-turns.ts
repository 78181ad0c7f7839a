// Runs stalled.ts and gathers what it says.
import { hubMemory } from '#shared/contract/memory.ts'
import { stop } from './carrier.ts'
import { answerOf, forkWith } from './fork.ts'
import type { StalledTurn } from './stalled.ts'

/** `targetPort`: of target.ts. Takes turns until `isEnough`. Throws when the program ended before. */
export async function stalledTurns(targetPort: number, isEnough: (turns: readonly StalledTurn[]) => boolean): Promise<StalledTurn[]> {
  const child = forkWith(hubMemory, 'stalled.ts', [String(targetPort)])
  try {
    const turns: StalledTurn[] = []
    await answerOf(child, 'stalled.ts')
    while (!isEnough(turns)) {
      child.send('turn')
      turns.push((await answerOf(child, 'stalled.ts')) as StalledTurn)
    }
    return turns
  } finally {
    await stop(child)
  }
}
