import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { openIdentityStore } from '#agent/enroll/identity-store.ts'
import { createKeeper } from '#agent/enroll/keeper.ts'
import { publicHalf } from '#agent/enroll/keys.ts'
import { verifyCsr } from '#hub/pki/csr.ts'
import { openPki } from '#hub/pki/open.ts'
import type { Pki } from '#hub/pki/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { newAgentId } from '#test/hub/gateway/fixture.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const name = { agentId: newAgentId(), machineName: 'machine' }

async function bundleFor(pki: Pki, csr: Buffer) {
  const { chainPem, notAfter } = await pki.issueAgentCertificate({ csr: await verifyCsr(csr), ...name })
  return {
    certificateChain: chainPem,
    fleetCa: pki.fleetCaPem,
    natsUserJwt: 'jwt',
    pins: pki.pins,
    taskSigningKeys: pki.taskSigner.publicKeys,
    notAfter,
  }
}

async function setUp(t: Parameters<typeof tempDir>[0]) {
  const stateDir = await tempDir(t)
  const pki = await openPki({ dataDir: await tempDir(t), names: ['localhost'], clock: systemClock })
  const store = openIdentityStore(stateDir)
  const next = async (isActivated = true) => {
    const { generation, keys } = store.pendingKeys()
    const identity = store.stage(generation, name, await bundleFor(pki, publicHalf(keys).csr))
    if (isActivated) store.activate(generation)
    return identity
  }
  return { stateDir, pki, store, next }
}

test('keys of an unfinished request are found again, so the same key asks', async (t) => {
  const { stateDir, store } = await setUp(t)
  const first = store.pendingKeys()
  t.deepEqual(openIdentityStore(stateDir).pendingKeys(), first)
  t.is(store.current(), undefined)
})

test('an enrolment killed between staging and activating is complete', async (t) => {
  const { stateDir, next } = await setUp(t)
  const staged = await next(false)
  t.deepEqual(openIdentityStore(stateDir).current(), staged)
  t.is(readFileSync(join(stateDir, 'identity', 'current'), 'utf8'), '1\n')
})

test('a renewal killed between staging and activating leaves the old one in use', async (t) => {
  const { stateDir, next } = await setUp(t)
  const first = await next()
  await next(false)
  t.deepEqual(openIdentityStore(stateDir).current(), first)
  t.is(openIdentityStore(stateDir).pendingKeys().generation, 3)
})

test('half-written keys are made again instead of being half used', async (t) => {
  const { stateDir, store } = await setUp(t)
  const first = store.pendingKeys()
  rmSync(join(stateDir, 'identity', 'identity-1', 'private-key.pem'))
  const second = store.pendingKeys()
  t.is(second.generation, first.generation)
  t.not(second.keys.natsSeed, first.keys.natsSeed)
})

test('a certificate for another key is not staged', async (t) => {
  const { pki, store, next } = await setUp(t)
  const first = await next()
  const { generation } = store.pendingKeys()
  const bundle = await bundleFor(pki, publicHalf({ privateKey: first.key, natsSeed: first.natsSeed }).csr)
  t.throws(() => store.stage(generation, name, bundle), { message: /for another key/ })
  t.deepEqual(store.current(), first)
})

for (const [file, content, message] of [
  ['current', 'x\n', /does not name a complete generation/],
  ['current', '9\n', /does not name a complete generation/],
  ['identity-1/identity.json', '{"agentId":', /identity\.json/],
  ['identity-1/identity.json', '{}', /identity\.json/],
  ['identity-1/private-key.pem', '', /missing/],
] as const) {
  test(`F-08: ${file} as ${JSON.stringify(content)} is said, and nothing is deleted`, async (t) => {
    const { stateDir, next } = await setUp(t)
    await next()
    const path = join(stateDir, 'identity', file)
    writeFileSync(path, content)
    const error = t.throws(() => openIdentityStore(stateDir).current())
    t.is((error as { code?: string }).code, 'IdentityDamaged')
    t.regex(error.message, message)
    t.is(readFileSync(path, 'utf8'), content)
  })
}

test('the generation before goes when its successor has worked, not sooner', async (t) => {
  const { stateDir, store, next } = await setUp(t)
  const first = await next()
  const keeper = createKeeper(store, silentLog)
  keeper.used(first)
  const second = await next(false)
  keeper.activate(second)
  const old = join(stateDir, 'identity', 'identity-1')
  t.true(existsSync(old))
  keeper.used(first)
  t.true(existsSync(old), 'an answer on the old connection says nothing about the new identity')
  keeper.used(second)
  t.false(existsSync(old))
  t.deepEqual(keeper.current(), second)
})

test('a new generation that the hub refuses gives way to the one before, on disk too', async (t) => {
  const { stateDir, store, next } = await setUp(t)
  const first = await next()
  const keeper = createKeeper(store, silentLog)
  const second = await next(false)
  keeper.activate(second)
  t.true(keeper.refused(second))
  t.deepEqual(keeper.current(), first)
  t.deepEqual(openIdentityStore(stateDir).current(), first)
  keeper.used(first)
  t.false(existsSync(join(stateDir, 'identity', 'identity-2')))
})

test('an identity that has worked is not given up for a refusal', async (t) => {
  const { store, next } = await setUp(t)
  const first = await next()
  const keeper = createKeeper(store, silentLog)
  keeper.used(first)
  t.false(keeper.refused(first))
  t.deepEqual(keeper.current(), first)
})

test('a machine without an identity says so', async (t) => {
  const { store } = await setUp(t)
  t.is((t.throws(() => createKeeper(store, silentLog)) as { code?: string }).code, 'NotEnrolled')
})

test('erasing leaves nothing', async (t) => {
  const { stateDir, store, next } = await setUp(t)
  await next()
  store.erase()
  t.false(existsSync(join(stateDir, 'identity')))
  t.is(store.current(), undefined)
})
