import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import test from 'ava'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { startApi } from './fixture.ts'

const navigation = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' }

test('without a build the page says what to run', async (t) => {
  const api = await startApi(t)
  const answer = await api.ask('/', { headers: navigation })
  t.is(answer.status, 200)
  t.regex(answer.text, /npm run build/)
})

test('the build is served: assets for ever, index.html never from a cache, paths of the app as index.html', async (t) => {
  const directory = await tempDir(t)
  const api = await startApi(t, { staticDir: directory })
  await mkdir(join(directory, 'assets'))
  await writeFile(join(directory, 'index.html'), '<!doctype html><title>app</title>')
  await writeFile(join(directory, 'assets/app-abc123.js'), 'export {}')
  await writeFile(join(directory, 'favicon.svg'), '<svg/>')
  await writeFile(join(directory, 'secret.json'), '{}')

  const asset = await api.ask('/assets/app-abc123.js')
  t.is(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
  t.regex(String(asset.headers['content-type']), /javascript/)
  for (const path of ['/', '/machines', '/machines/m1/tasks?x=1']) {
    const page = await api.ask(path, { headers: navigation })
    t.is(page.status, 200, path)
    t.is(page.headers['cache-control'], 'no-cache')
    t.regex(page.text, /<title>app/)
  }
  t.is((await api.ask('/favicon.svg')).status, 200)
  // A script or fetch that misses must not be given a page.
  t.is((await api.ask('/machines')).status, 404)
  t.is((await api.ask('/assets/missing.js', { headers: navigation })).status, 404)
  t.is((await api.ask('/apis/nope', { headers: navigation })).status, 404)
  t.is((await api.ask('/secret.json')).status, 404)
})

test('a file is sent as its .br or .gz to whoever takes that, and as it is to others', async (t) => {
  const directory = await tempDir(t)
  const api = await startApi(t, { staticDir: directory })
  await mkdir(join(directory, 'assets'))
  const text = 'export const word = 1\n'.repeat(100)
  for (const path of ['index.html', 'assets/app-abc123.js']) {
    await writeFile(join(directory, path), text)
    await writeFile(join(directory, `${path}.br`), brotliCompressSync(text))
    await writeFile(join(directory, `${path}.gz`), gzipSync(text))
  }
  await writeFile(join(directory, 'assets/plain.js'), text)
  const encodingOf = async (path: string, accept: string) => {
    const { status, headers } = await api.ask(path, { headers: { ...navigation, 'accept-encoding': accept } })
    t.is(status, 200)
    t.is(headers.vary, 'accept-encoding', 'or a cache would hand it to the wrong one')
    return headers['content-encoding']
  }
  for (const path of ['/', '/machines', '/assets/app-abc123.js']) {
    t.is(await encodingOf(path, 'gzip, deflate, br, zstd'), 'br')
    t.is(await encodingOf(path, 'gzip'), 'gzip')
    t.is(await encodingOf(path, 'identity'), undefined)
  }
  t.is(await encodingOf('/assets/plain.js', 'br'), undefined)
  const { headers } = await api.ask('/assets/app-abc123.js', { headers: { 'accept-encoding': 'br' } })
  t.regex(String(headers['content-type']), /javascript/)
  t.is(headers['cache-control'], 'public, max-age=31536000, immutable')
})

test('F-30: no path leads out of the dashboard folder', async (t) => {
  const directory = await tempDir(t)
  await mkdir(join(directory, 'web/assets'), { recursive: true })
  await writeFile(join(directory, 'web/index.html'), 'app')
  await writeFile(join(directory, 'private.txt'), 'top secret')
  const api = await startApi(t, { staticDir: join(directory, 'web') })
  for (const path of [
    '/assets/../../private.txt',
    '/assets/..%2f..%2fprivate.txt',
    '/assets/%2e%2e/%2e%2e/private.txt',
    '/..%2fprivate.txt',
    '/assets/..\\..\\private.txt',
  ])
    t.notRegex((await api.ask(path)).text, /top secret/, path)
})

test('every answer carries the policy without unsafe-inline', async (t) => {
  const api = await startApi(t)
  for (const path of ['/', '/livez', '/apis', '/nothing']) {
    const { headers } = await api.ask(path)
    const policy = String(headers['content-security-policy'])
    t.regex(policy, /default-src 'none'; script-src 'self'; style-src 'self'/)
    t.notRegex(policy, /unsafe/)
    t.regex(policy, /frame-ancestors 'none'/)
    t.is(headers['x-content-type-options'], 'nosniff')
    t.truthy(headers['x-request-id'])
  }
})

test('readiness names its parts, and why one fails only to users', async (t) => {
  const readiness = () =>
    Promise.resolve([
      { name: 'store', ok: true, message: '' },
      { name: 'nats', ok: false, message: 'connection refused at 10.0.0.7:4222' },
    ])
  const api = await startApi(t, { readiness })
  const stranger = await api.ask('/readyz?verbose')
  t.is(stranger.status, 503)
  t.regex(stranger.text, /\[\+\]store ok\n\[-\]nats failed/)
  t.notRegex(stranger.text, /10\.0\.0\.7/)
  t.regex((await api.ask('/readyz?verbose', { token: api.adminToken })).text, /10\.0\.0\.7/)
  t.is((await api.ask('/livez')).text, 'ok')
})
