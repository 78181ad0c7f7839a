// Hub and agent broken on purpose: a copy of the tree in which a few words are others. What the checker is worth shows on these.
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inRepository } from '#test/helpers/paths.ts'
import type { Owner } from './owner.ts'

export interface Mutation {
  /** Below the root of the tree. */
  file: string
  /** Must be there exactly once. */
  from: string
  to: string
}

/** The root of the changed tree. Throws when the source is not what the mutation was made for. */
export async function makeMutant(owner: Owner, mutations: readonly Mutation[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'moorline-mutant-'))
  owner.teardown(() => rm(root, { recursive: true, force: true }))
  for (const name of ['shared', 'proto', 'node_modules', 'scripts']) await symlink(inRepository(name), join(root, name))
  await writeFile(join(root, 'package.json'), await readFile(inRepository('package.json')))
  for (const name of ['hub', 'agent'])
    await cp(inRepository(name), join(root, name), { recursive: true, filter: (source) => source !== inRepository('hub/web') })
  await mkdir(join(root, 'dist'))
  for (const { file, from, to } of mutations) {
    const source = await readFile(join(root, file), 'utf8')
    if (source.split(from).length !== 2) throw new Error(`${file} does not hold ${JSON.stringify(from)} exactly once: adapt the mutation`)
    // Not a pattern: $ in the new text means itself.
    await writeFile(
      join(root, file),
      source.replace(from, () => to),
    )
  }
  return root
}
