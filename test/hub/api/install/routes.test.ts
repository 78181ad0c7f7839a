import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import fastify from 'fastify'
import { createArtifacts } from '#hub/api/install/artifacts.ts'
import { registerInstallRoutes } from '#hub/api/install/routes.ts'
import { until } from '#test/helpers/until.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const pin = Buffer.alloc(32, 1).toString('base64')
const facts = () => ({
  publicUrl: 'https://hub.example.org',
  web: { cert: 'PEM', pins: [pin], isOperatorProvided: true },
  fleetPins: [pin],
  fleetCaPem: '',
  version: '1',
})

async function createApp(t: Parameters<typeof tempDir>[0], maxDownloads?: number) {
  const directory = await tempDir(t)
  const artifacts = await createArtifacts(directory)
  const app = fastify()
  registerInstallRoutes(app, { facts, artifacts, maxDownloads })
  t.teardown(() => app.close())
  return { app, directory, artifacts }
}

test('a hub without a built agent says what to do instead of serving half a script', async (t) => {
  const { app } = await createApp(t)
  const { statusCode, body } = await app.inject('/install.sh')
  t.is(statusCode, 503)
  t.regex(body, /npm run build/)
})

test('the script names the digest of the file as it is now', async (t) => {
  const { app, directory } = await createApp(t)
  for (const content of ['first', 'second build']) {
    await writeFile(join(directory, 'moorline-agent-linux-x64'), content)
    const { statusCode, body, headers } = await app.inject('/install.sh')
    t.is(statusCode, 200)
    t.is(headers['cache-control'], 'no-store')
    t.regex(body, new RegExp(`sha256='${createHash('sha256').update(content).digest('hex')}'`))
  }
})

test('an artifact arrives whole, with its length', async (t) => {
  const { app, directory } = await createApp(t)
  const content = Buffer.alloc(700_000, 'agent')
  await writeFile(join(directory, 'moorline-agent-linux-x64'), content)
  const { statusCode, rawPayload, headers } = await app.inject('/artifacts/moorline-agent-linux-x64')
  t.is(statusCode, 200)
  t.is(headers['content-length'], String(content.length))
  t.true(rawPayload.equals(content))
})

test('F-30: nothing but an agent binary is handed out', async (t) => {
  const { app, directory } = await createApp(t)
  await writeFile(join(directory, 'secret'), 'x')
  await writeFile(join(directory, 'moorline-agent-linux-x64.key'), 'x')
  for (const name of [
    'secret',
    '..%2fsecret',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    'moorline-agent-linux-x64.key',
    'moorline-agent-linux-x64%00',
  ]) {
    const { statusCode } = await app.inject(`/artifacts/${name}`)
    t.true(statusCode === 404 || statusCode === 400, `${name}: ${statusCode}`)
  }
})

test('more downloads than the hub gives at one time wait with Retry-After', async (t) => {
  const { app, directory } = await createApp(t, 0)
  await writeFile(join(directory, 'moorline-agent-linux-x64'), 'x')
  const { statusCode, headers } = await app.inject('/artifacts/moorline-agent-linux-x64')
  t.is(statusCode, 503)
  t.is(headers['retry-after'], '20')
})

test('a finished download frees its place', async (t) => {
  const { app, directory } = await createApp(t, 1)
  await writeFile(join(directory, 'moorline-agent-linux-x64'), 'x')
  for (const round of [1, 2, 3]) {
    await until(`download ${round}`, async () => (await app.inject('/artifacts/moorline-agent-linux-x64')).statusCode === 200)
  }
  t.pass()
})
