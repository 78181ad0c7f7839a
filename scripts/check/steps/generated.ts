import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { generateAll, orphanedOutputs } from '#scripts/gen/outputs.ts'

/** Names of generated files that differ from what is committed; empty when all are fresh. */
export async function staleOutputs(): Promise<string[]> {
  const outputs = await generateAll()
  const stale: string[] = []
  for (const [path, text] of outputs) {
    const committed = await readFile(join(repositoryRoot, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (committed !== text) stale.push(path)
  }
  return [...stale, ...(await orphanedOutputs(outputs))]
}
