import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createHost } from '#agent/host/create.ts'
import { systemClock } from '#shared/clock/clock.ts'

const host = createHost({ clock: systemClock, environment: { PATH: '/bin' } })

function temporary(t: { teardown(run: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'host-files-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

test('what does not exist is undefined, other errors are thrown', async (t) => {
  const directory = temporary(t)
  writeFileSync(join(directory, 'file'), 'x')
  t.is(await host.readText(join(directory, 'none')), undefined)
  t.is(await host.readText(join(directory, 'file/below')), undefined)
  t.is(await host.info(join(directory, 'none')), undefined)
  t.is(await host.list(join(directory, 'none')), undefined)
  t.is(await host.readLink(join(directory, 'none')), undefined)
  await t.throwsAsync(host.readText(directory), { code: 'EISDIR' })
})

test('files of /proc, whose size is 0, are read to their end', async (t) => {
  t.regex((await host.readText('/proc/self/status')) ?? '', /^Name:/)
})

test('a read stops at its bound', async (t) => {
  t.is((await host.readBytes('/dev/zero', { maxBytes: 100_000 }))?.length, 100_000)
})

test('a FIFO without a writer does not hang a read', async (t) => {
  const path = join(temporary(t), 'fifo')
  execFileSync('mkfifo', [path])
  t.is(await host.readText(path), '')
})

test('a written file has its content, its mode and no temporary beside it', async (t) => {
  const directory = temporary(t)
  const path = join(directory, 'config')
  await host.writeFileAtomic(path, Buffer.from('one'), { mode: 0o600 })
  await host.writeFileAtomic(path, Buffer.from('two'), { mode: 0o640 })
  t.is(readFileSync(path, 'utf8'), 'two')
  t.is(statSync(path).mode & 0o777, 0o640)
  t.deepEqual(readdirSync(directory), ['config'])
})

test('a write that cannot be renamed into place leaves nothing behind', async (t) => {
  const directory = temporary(t)
  mkdirSync(join(directory, 'taken'))
  await t.throwsAsync(host.writeFileAtomic(join(directory, 'taken'), Buffer.from('x'), { mode: 0o600 }))
  t.deepEqual(readdirSync(directory), ['taken'])
})

test('removing a file twice is no error', async (t) => {
  const path = join(temporary(t), 'file')
  writeFileSync(path, '')
  await host.removeFile(path)
  await host.removeFile(path)
  t.is(await host.info(path), undefined)
})

test('info does not follow a link at the end', async (t) => {
  const directory = temporary(t)
  symlinkSync('/nowhere', join(directory, 'link'))
  t.like(await host.info(join(directory, 'link')), { isSymlink: true, isFile: false })
  t.is(await host.readLink(join(directory, 'link')), '/nowhere')
})

test('programs are found in PATH and in the system directories that PATH may lack', async (t) => {
  t.truthy(await host.which('sh'))
  t.is(await host.which('no-such-program-here'), undefined)
  t.is(await host.which('/etc/passwd'), undefined)
})

test('the size of a filesystem agrees with df', async (t) => {
  const { totalBytes, inodes } = await host.filesystem('/')
  const [size, count] = execFileSync('df', ['--output=size,itotal', '-B1', '/']).toString().trim().split('\n')[1]?.trim().split(/\s+/) ?? []
  t.is(totalBytes, Number(size))
  t.is(inodes, Number(count))
})
