import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Owner {
  teardown(run: () => Promise<void>): void
}

/** A new empty directory that is removed when the test ends. `t` is ava's execution context. */
export async function tempDir(t: Owner): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'moorline-test-'))
  t.teardown(() => rm(path, { recursive: true, force: true, maxRetries: 3 }))
  return path
}
