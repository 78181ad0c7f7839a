// Where a secret of a test has left traces.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Looks at the arguments of every process until it is stopped: those that held the text. */
export function watchArguments(text: string): { stop(): Promise<string[]> } {
  const seen = new Set<string>()
  let isOver = false
  const look = async () => {
    while (!isOver) {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '') // it has ended meanwhile
        if (line.includes(text)) seen.add(line.replaceAll('\0', ' '))
      }
    }
  }
  const looking = look()
  return {
    async stop() {
      isOver = true
      await looking
      return [...seen]
    },
  }
}

export async function filesHolding(directory: string, text: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const held = await Promise.all(files.map(async (file) => ((await readFile(file)).includes(text) ? file : '')))
  return held.filter((file) => file !== '')
}
