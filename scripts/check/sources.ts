// The project's own source files, as the checks see them: what git tracks or would track, without generated code.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '#scripts/dev/command.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'

export interface SourceFile {
  /** Relative to the root, with slashes. */
  path: string
  text: string
}

/** Tracked and new, not ignored, files that still exist, whose path matches. */
export async function listFiles(matches: (path: string) => boolean): Promise<string[]> {
  const listed = await runCommand('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'])
  const deleted = new Set((await runCommand('git', ['ls-files', '-z', '--deleted'])).split('\0'))
  return listed.split('\0').filter((path) => path && !deleted.has(path) && matches(path))
}

export async function readSources(matches: (path: string) => boolean = isSource): Promise<SourceFile[]> {
  const paths = await listFiles(matches)
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(repositoryRoot, path), 'utf8') })))
}

export const isSource = (path: string): boolean =>
  /^(hub|agent|shared|scripts|test)\/.*\.(ts|tsx|mjs|js)$/.test(path) && !path.endsWith('.d.ts')

export const isProduct = (path: string): boolean => /^(hub|agent|shared)\//.test(path)
