// Runs stalled.ts and gathers what it says.
import { once } from 'node:events'
import { hubMemory } from '#shared/contract/memory.ts'
import { stop } from './carrier.ts'
import { forkWith } from './fork.ts'
import type { StalledTurn } from './stalled.ts'

/** `targetPort`: of target.ts. Throws when the program ended otherwise than by itself. */
export async function stalledTurns(targetPort: number): Promise<StalledTurn[]> {
  const child = forkWith(hubMemory, 'stalled.ts', [String(targetPort)])
  try {
    const turns: StalledTurn[] = []
    child.on('message', (turn: StalledTurn) => turns.push(turn))
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (code !== 0 || turns.length === 0) throw new Error(`stalled.ts ended with ${code ?? signal} after ${turns.length} turns`)
    return turns
  } finally {
    await stop(child)
  }
}
