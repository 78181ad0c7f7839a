import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readConfig, saveConfig } from '#agent/config/config.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const pin = (byte: number) => Buffer.alloc(32, byte).toString('base64')

test('a flag wins over the environment, the environment over the file, the file over the default', async (t) => {
  const stateDir = await tempDir(t)
  writeFileSync(join(stateDir, 'config.json'), JSON.stringify({ hub: 'file:1', logLevel: 'warn', pins: [pin(1)] }))
  const flags = { 'state-dir': stateDir }
  t.like(readConfig(flags, {}), { hub: { host: 'file', port: 1 }, logLevel: 'warn', pins: [pin(1)] })
  const env = { MOORLINE_HUB: 'env:2', MOORLINE_PINS: `${pin(2)}, ${pin(3)}` }
  t.like(readConfig(flags, env), { hub: { host: 'env', port: 2 }, logLevel: 'warn', pins: [pin(2), pin(3)] })
  t.like(readConfig({ ...flags, hub: '[2001:db8::1]:3', pin: [pin(4)] }, env), { hub: { host: '2001:db8::1', port: 3 }, pins: [pin(4)] })
  t.like(readConfig({}, { MOORLINE_STATE_DIR: await tempDir(t) }), { hub: undefined, logLevel: 'info', pins: [] })
})

test('what enrolment was told is there for the next start, and a proxy with its password is not copied', async (t) => {
  const stateDir = await tempDir(t)
  const flags = { 'state-dir': stateDir, hub: '[2001:db8::1]:443', pin: [pin(1), pin(2)] }
  const config = readConfig(flags, { MOORLINE_PROXY: 'socks5://me:secret@proxy:1080', MOORLINE_NO_PROXY: 'internal' })
  saveConfig(config)
  const again = readConfig({ 'state-dir': stateDir }, {})
  t.deepEqual(again.hub, config.hub)
  t.deepEqual(again.pins, config.pins)
  t.is(again.proxy, undefined)
  t.is(statSync(join(stateDir, 'config.json')).mode & 0o777, 0o600)
})

test('the hub’s own entry in NO_PROXY makes the connection direct', async (t) => {
  const flags = { 'state-dir': await tempDir(t), hub: 'hub.internal:443' }
  const env = { MOORLINE_PROXY: 'http://proxy:3128' }
  t.is(readConfig(flags, env).proxy?.host, 'proxy')
  t.is(readConfig(flags, { ...env, MOORLINE_NO_PROXY: '.internal' }).proxy, undefined)
})

for (const [flags, env, file, message] of [
  [{ hub: 'nohost' }, {}, undefined, /^--hub: /],
  [{ hub: 'host:70000' }, {}, undefined, /^--hub: must be host:port/],
  [{ hub: 'a b:1' }, {}, undefined, /^--hub: /],
  [{ pin: ['short'] }, {}, undefined, /^--pin: /],
  [{}, { MOORLINE_PINS: 'short' }, undefined, /^MOORLINE_PINS: /],
  [{}, { MOORLINE_PROXY: 'ftp://x' }, undefined, /^MOORLINE_PROXY: /],
  [{}, { MOORLINE_LOG_LEVEL: 'loud' }, undefined, /^MOORLINE_LOG_LEVEL: /],
  [{}, {}, '{"hub": 7}', /config\.json: hub: /],
  [{}, {}, '{"hubb": "a:1"}', /config\.json: hubb: /],
  [{}, {}, '{', /config\.json: /],
] as const) {
  test(`${JSON.stringify({ flags, env, file })} is refused under the name of the setting`, async (t) => {
    const stateDir = await tempDir(t)
    if (file !== undefined) writeFileSync(join(stateDir, 'config.json'), file)
    const error = t.throws(() => readConfig({ ...(flags as object), 'state-dir': stateDir }, env))
    t.is((error as { code?: string }).code, 'ConfigInvalid')
    t.regex(error.message, message)
  })
}
