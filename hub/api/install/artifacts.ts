// The agent binaries that this hub hands out, from the directory where the build puts them.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { installCommand } from './command.ts'
import type { InstallFacts } from './facts.ts'
import type { AgentArtifact } from './script.ts'

const agentNames = ['moorline-agent-linux-x64', 'moorline-agent-linux-arm64'] as const
const namePattern = /^moorline-agent-linux-(x64|arm64)(\.zst|\.sha256)?$/

export interface Artifacts {
  /** Path of a file that may be handed out under this name; undefined when there is none. */
  path(name: string): string | undefined
  /** Binaries with their digests. Digests are taken again when a file has changed. */
  agents(): Promise<AgentArtifact[]>
  installCommand(facts: InstallFacts, token: string): string
}

/** The directory may be missing or empty: then there is nothing to hand out yet. */
export async function createArtifacts(directory: string): Promise<Artifacts> {
  const digests = new Map<string, { stamp: string; sha256: Promise<string> }>()

  const digestOf = async (path: string): Promise<string> => {
    const { size, mtimeMs, ino } = await stat(path)
    const stamp = `${size} ${mtimeMs} ${ino}`
    const known = digests.get(path)
    if (known?.stamp === stamp) return known.sha256
    const sha256 = hashFile(path)
    digests.set(path, { stamp, sha256 })
    return sha256.catch((error: unknown) => {
      digests.delete(path)
      throw error
    })
  }

  const path = (name: string): string | undefined => {
    if (!namePattern.test(name)) return undefined
    const full = join(directory, name)
    return existsSync(full) ? full : undefined
  }

  const agents = async (): Promise<AgentArtifact[]> => {
    const found = agentNames.flatMap((name) => {
      const full = path(name)
      return full === undefined ? [] : [{ name, full }]
    })
    return Promise.all(
      found.map(async ({ name, full }) => ({ name, sha256: await digestOf(full), isCompressed: path(`${name}.zst`) !== undefined })),
    )
  }
  return { path, agents, installCommand }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
