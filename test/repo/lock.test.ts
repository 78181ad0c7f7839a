import { readFile } from 'node:fs/promises'
import test from 'ava'
import { completeLock, type LockFile, missingOptional } from '#scripts/gen/lock.ts'
import { inRepository } from '#test/helpers/paths.ts'

test('the lock file has every optional package of every platform, or npm ci would refuse it', async (t) => {
  const lock = JSON.parse(await readFile(inRepository('package-lock.json'), 'utf8')) as LockFile
  t.deepEqual(missingOptional(lock), [])
})

test('a package that is left out gets its platform from its name', (t) => {
  const lock: LockFile = {
    packages: {
      '': {},
      'node_modules/tool': {
        version: '1.0.0',
        dev: true,
        optionalDependencies: { '@tool/here': '1.0.0', '@tool/x-linux-arm64-musl': '1.0.0', 'tool-win32-ia32-msvc': '1.0.0' },
      },
      'node_modules/tool/node_modules/@tool/here': { version: '1.0.0' },
    },
  }
  t.is(missingOptional(lock).length, 2)
  const { packages } = completeLock(lock)
  t.deepEqual(packages['node_modules/@tool/x-linux-arm64-musl'], {
    version: '1.0.0',
    cpu: ['arm64'],
    os: ['linux'],
    libc: ['musl'],
    dev: true,
    optional: true,
  })
  t.deepEqual(packages['node_modules/tool-win32-ia32-msvc'], { version: '1.0.0', cpu: ['ia32'], os: ['win32'], dev: true, optional: true })
  t.deepEqual(missingOptional({ packages }), [])
})

test('a name that says no platform is refused', (t) => {
  t.throws(() => completeLock({ packages: { 'node_modules/tool': { optionalDependencies: { other: '1.0.0' } } } }), { message: /platform/ })
})
