import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { createPolicy, readPolicy } from '#agent/config/policy.ts'
import { matchesPath } from '#agent/config/path-pattern.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const own = ['/var/lib/moorline-agent']
const byDefault = createPolicy({}, undefined, own)
const file = (path: string) => ({ path })

test('without a file: preflight, facts and file are allowed and exec is not', (t) => {
  t.deepEqual(byDefault.allowedActions(), ['facts', 'file', 'preflight'])
  t.deepEqual(byDefault.allows('preflight', {}), { ok: true })
  t.like(byDefault.allows('exec', { command: ['id'] }), { ok: false, reason: 'ActionNotAllowed' })
  t.like(byDefault.allows('reboot', {}), { ok: false, reason: 'ActionNotAllowed' })
  t.like(byDefault.allows('constructor', {}), { ok: false })
})

for (const path of [
  '/var/lib/moorline-agent',
  '/var/lib/moorline-agent/identity/current',
  '/etc/moorline/agent-policy.json',
  '/etc/moorline/agent.env',
  '/etc/systemd/system/moorline-agent.service',
  '/etc/systemd/system/moorline-agent.service.d/x.conf',
  '/usr/local/bin/moorline-agent',
  '/etc/sudoers',
  '/etc/sudoers.d/x',
  '/etc/crontab',
  '/etc/cron.d/x',
  '/etc/cron.daily/x',
  '/var/spool/cron/crontabs/root',
  '/root/.ssh/authorized_keys',
  `/home/${'somebody'}/.ssh/authorized_keys`,
  '/srv/git/.ssh/authorized_keys',
  '/root/.bashrc',
  '/etc/passwd',
  '/etc/shadow-',
  '/etc/pam.d/sshd',
  '/etc/ld.so.preload',
  '/proc/sys/kernel/core_pattern',
]) {
  test(`no policy lets a hub write ${path}`, (t) => {
    t.like(byDefault.allows('file', file(path)), { ok: false, reason: 'PathNotAllowed' })
    t.like(createPolicy({ file: { paths: ['/**'] } }, '/p', own).allows('file', file(path)), { ok: false, reason: 'PathNotAllowed' })
  })
}

test('what is run as root needs a policy that names it', (t) => {
  for (const path of ['/etc/systemd/system/x.service', '/usr/bin/x', '/etc/profile.d/x.sh', '/etc/kubernetes/manifests/x.yaml']) {
    t.like(byDefault.allows('file', file(path)), { ok: false, reason: 'PathNotAllowed' })
    t.deepEqual(createPolicy({ file: { paths: ['/**'] } }, '/p', own).allows('file', file(path)), { ok: true })
  }
})

test('other files may be written by default', (t) => {
  for (const path of ['/etc/hosts.moorline', '/tmp/x', '/srv/a/b', '/etc/containerd/config.toml']) {
    t.deepEqual(byDefault.allows('file', file(path)), { ok: true })
  }
})

for (const path of ['/tmp/../etc/shadow', '/tmp/./x', '/tmp//x', '/tmp/x\0']) {
  test(`${JSON.stringify(path)} is not a plain path`, (t) => {
    t.like(byDefault.allows('file', file(path)), { ok: false, reason: 'PathNotAllowed' })
  })
}

test('file.paths and file.deny narrow what may be written', (t) => {
  const policy = createPolicy({ file: { paths: ['/srv/**', '/etc/motd'], deny: ['/srv/secret/**'] } }, '/p', own)
  t.deepEqual(policy.allows('file', file('/srv/a')), { ok: true })
  t.deepEqual(policy.allows('file', file('/etc/motd')), { ok: true })
  for (const path of ['/srv', '/srv/secret/x', '/etc/hosts']) t.like(policy.allows('file', file(path)), { ok: false })
})

test('exec is limited to the listed programs', (t) => {
  const policy = createPolicy({ allowedActions: ['exec'], exec: { commands: ['/usr/bin/id'] } }, '/p', own)
  t.deepEqual(policy.allows('exec', { command: ['/usr/bin/id', '-u'] }), { ok: true })
  t.like(policy.allows('exec', { command: ['id'] }), { ok: false, reason: 'CommandNotAllowed' })
  t.like(policy.allows('preflight', {}), { ok: false, reason: 'ActionNotAllowed' })
  t.deepEqual(createPolicy({ allowedActions: ['exec'] }, '/p', own).allows('exec', { command: ['sh'] }), { ok: true })
})

test('the policy file of the state directory is read, and is itself out of the hub’s reach', async (t) => {
  const stateDir = await tempDir(t)
  const path = join(stateDir, 'agent-policy.json')
  writeFileSync(path, JSON.stringify({ allowedActions: ['facts', 'file'], file: { paths: ['/**'] } }), { mode: 0o600 })
  const policy = readPolicy({ stateDir, policyFile: path })
  t.is(policy.source, path)
  t.deepEqual(policy.allowedActions(), ['facts', 'file'])
  t.like(policy.allows('file', file(path)), { ok: false })
})

for (const [content, message] of [
  ['{', /agent-policy\.json: /],
  ['[]', /the document/],
  ['{"allowedActions": ["format-disk"]}', /allowedActions\.0: /],
  ['{"allowedActions": "exec"}', /allowedActions: /],
  ['{"exec": {"command": ["id"]}}', /exec\.command: is not a known field/],
  ['{"file": {"paths": ["srv"]}}', /file\.paths\.0: /],
  ['{"alowedActions": []}', /alowedActions: is not a known field/],
] as const) {
  test(`${content} stops the agent with the field named`, async (t) => {
    const path = join(await tempDir(t), 'agent-policy.json')
    writeFileSync(path, content, { mode: 0o600 })
    const error = t.throws(() => readPolicy({ stateDir: '/nowhere', policyFile: path }))
    t.is((error as { code?: string }).code, 'PolicyInvalid')
    t.regex(error.message, message)
  })
}

test('a named file that is not there is not the default policy', (t) => {
  t.is(
    (t.throws(() => readPolicy({ stateDir: '/nowhere', policyFile: '/nowhere/policy.json' })) as { code?: string }).code,
    'PolicyInvalid',
  )
})

test('a policy that others can write is refused', async (t) => {
  const path = join(await tempDir(t), 'agent-policy.json')
  writeFileSync(path, '{}')
  chmodSync(path, 0o666)
  t.regex(t.throws(() => readPolicy({ stateDir: '/nowhere', policyFile: path })).message, /must not be writable by group or others/)
})

test('path patterns', (t) => {
  t.true(matchesPath('/etc/cron.d', '/etc/cron*'))
  t.false(matchesPath('/etc/cron.d/x', '/etc/cron*'))
  t.true(matchesPath('/a/b/c', '/a/**'))
  t.false(matchesPath('/a', '/a/**'))
  t.true(matchesPath('/x/y/.ssh/z', '/**/.ssh/**'))
  t.true(matchesPath('/.ssh/z', '/**/.ssh/**'))
  t.false(matchesPath('/x/ssh/z', '/**/.ssh/**'))
  t.true(matchesPath('/abc', '/a*c'))
  t.false(matchesPath('/ac-', '/a*c'))
  t.false(matchesPath('/a', '/a*a'))
  t.true(matchesPath('/axbxc', '/a*b*c'))
})
