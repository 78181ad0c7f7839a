import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** SHA-256 (hex) over names and contents of everything under `paths` (files or folders, relative to `root`); missing ones count as empty. */
export async function digestOf(root: string, paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  const files: string[] = []
  for (const path of paths) {
    const full = join(root, path)
    if (!existsSync(full)) continue
    if ((await stat(full)).isFile()) files.push(full)
    else {
      const entries = await readdir(full, { recursive: true, withFileTypes: true })
      files.push(...entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)))
    }
  }
  for (const file of files.sort())
    hash
      .update(relative(root, file))
      .update('\0')
      .update(await readFile(file))
      .update('\0')
  return hash.digest('hex')
}
