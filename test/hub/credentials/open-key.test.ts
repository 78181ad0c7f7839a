import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { opensKey } from '#hub/credentials/open-key.ts'
import { lookAtKey } from '#hub/credentials/ssh-key.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const run = promisify(execFile)

test('a passphrase is told right from wrong in a thread; what needs no computing is told at once', async (t) => {
  const path = join(await tempDir(t), 'key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-a', '4', '-N', 'the passphrase', '-f', path])
  const key = await readFile(path, 'utf8')
  t.deepEqual(lookAtKey(key, true), { isEncrypted: true })
  t.like(lookAtKey(key, false), { field: 'passphrase' })
  t.like(lookAtKey(await readFile(`${path}.pub`, 'utf8'), false), { field: 'privateKey' })
  t.true(await opensKey(key, 'the passphrase'))
  t.false(await opensKey(key, 'another'))
})
