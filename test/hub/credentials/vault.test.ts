import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { createSealingKey, keyFileName, openSealingKey } from '#hub/credentials/key.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { testVault } from './support.ts'

test('what is sealed opens for the same object and field, and is another text each time', (t) => {
  const vault = testVault()
  const [one, two] = [vault.seal('uid-1', 'password', 'hunter2 €'), vault.seal('uid-1', 'password', 'hunter2 €')]
  t.not(one, two)
  t.is(vault.open('uid-1', 'password', one), 'hunter2 €')
  t.is(vault.open('uid-1', 'password', two), 'hunter2 €')
  t.false(one.includes('hunter2'))
})

test('a ciphertext does not open on another object, in another field, with another key or with a changed bit', (t) => {
  const vault = testVault()
  const sealed = vault.seal('uid-1', 'password', 'secret')
  t.is(vault.open('uid-2', 'password', sealed), undefined)
  t.is(vault.open('uid-1', 'passphrase', sealed), undefined)
  t.is(testVault().open('uid-1', 'password', sealed), undefined)
  t.false(testVault().isOwn(sealed))
  const [head, body = ''] = [sealed.slice(0, sealed.lastIndexOf(':') + 1), sealed.split(':').at(-1)]
  const bytes = Buffer.from(body, 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.is(vault.open('uid-1', 'password', head + changed.toString('base64')), undefined, `byte ${at}`)
  }
  for (const bad of ['', head, `${head}AAAA`, 'v1', sealed.slice(0, -8)]) t.is(vault.open('uid-1', 'password', bad), undefined)
})

test('the key file is made once, for its user only, and leaves no draft', async (t) => {
  const dataDir = await tempDir(t)
  const made = await openSealingKey({ dataDir, randomBytes, mustExist: false })
  const again = await openSealingKey({ dataDir, randomBytes, mustExist: true })
  t.deepEqual(Buffer.from(again.bytes), Buffer.from(made.bytes))
  t.is(again.id, made.id)
  t.is((await stat(join(dataDir, keyFileName))).mode & 0o777, 0o600)
  t.deepEqual(await readdir(dataDir), [keyFileName])
  t.false((await readFile(join(dataDir, keyFileName), 'utf8')).includes(made.id))
})

test('sealed Credentials without a key, or with a damaged one, are an error that says what to do', async (t) => {
  const dataDir = await tempDir(t)
  const missing = await t.throwsAsync(openSealingKey({ dataDir, randomBytes, mustExist: true }), { code: 'CredentialKeyMissing' })
  t.regex((missing as unknown as { next: string }).next, /new-credentials-key/)
  t.deepEqual(await readdir(dataDir), [], 'nothing was made')
  for (const text of ['', 'moorline-credentials-1 AAAA\n', 'something else']) {
    await writeFile(join(dataDir, keyFileName), text)
    const error = await t.throwsAsync(openSealingKey({ dataDir, randomBytes, mustExist: false }), { code: 'CredentialKeyDamaged' })
    t.false(text.length > 0 && error.message.includes(text))
    t.is(await readFile(join(dataDir, keyFileName), 'utf8'), text, 'it was not touched')
  }
})

test('a key is never replaced by a new one', async (t) => {
  const dataDir = await tempDir(t)
  const { bytes } = await createSealingKey({ dataDir, randomBytes })
  await t.throwsAsync(createSealingKey({ dataDir, randomBytes }), { code: 'CredentialKeyExists' })
  t.deepEqual(Buffer.from((await openSealingKey({ dataDir, randomBytes, mustExist: true })).bytes), Buffer.from(bytes))
})
