import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import type { AccessToken } from '#shared/contract/access.ts'
import { ensureAdmin } from '#hub/auth/admin-kubeconfig.ts'
import { startAuth } from './fixture.ts'

const serverUrl = 'https://127.0.0.1:8443'
const tokenIn = async (path: string) =>
  (parse(await readFile(path, 'utf8')) as { users: { user: { token: string } }[] }).users[0]?.user.token as string

test('the admin kubeconfig is private, whole, and makes an admin', async (t) => {
  const { auth, resources, directory } = await startAuth(t)
  const path = await ensureAdmin({ dataDir: directory, resources, auth, serverUrl, caPem: 'CA' })
  t.is((await stat(path)).mode & 0o777, 0o600)
  const config = parse(await readFile(path, 'utf8')) as Record<string, unknown>
  t.like(config, {
    'current-context': 'moorline',
    clusters: [{ name: 'moorline', cluster: { server: serverUrl, 'certificate-authority-data': 'Q0E=' } }],
  })
  const user = auth.authenticateBearer(await tokenIn(path))
  if (!user) return t.fail()
  t.deepEqual(auth.rolesOf(user), ['admin'])
  t.false((await readdir(directory)).some((name) => name.endsWith('.tmp')))
})

test('a kubeconfig that works is left alone, one that does not is replaced and its token ended', async (t) => {
  const { auth, resources, directory } = await startAuth(t)
  const options = { dataDir: directory, resources, auth, serverUrl, caPem: 'CA' }
  const path = await ensureAdmin(options)
  const first = await tokenIn(path)
  await ensureAdmin(options)
  t.is(await tokenIn(path), first)

  await ensureAdmin({ ...options, serverUrl: 'https://hub.example:443' })
  const second = await tokenIn(path)
  t.not(second, first)
  t.is(auth.authenticateBearer(first), undefined)

  for (const broken of ['', ': not: yaml: [', 'clusters: 7', '{}']) {
    await writeFile(path, broken)
    await ensureAdmin(options)
    t.truthy(auth.authenticateBearer(await tokenIn(path)), broken)
  }
  await resources.delete('AccessToken', resources.list<AccessToken>('AccessToken').items[0]?.metadata.name ?? '')
  await ensureAdmin(options)
  t.truthy(auth.authenticateBearer(await tokenIn(join(directory, 'admin.kubeconfig'))))
  t.is(resources.list('AccessToken').items.length, 1)
})
