import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { actionsFixture } from './fixture.ts'

const sha = (text: string) => createHash('sha256').update(text).digest('hex')
const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)

test('a file is created with content and mode; the second run changes nothing', async (t) => {
  const { run, directory } = await actionsFixture(t)
  const input = { path: join(directory, 'new.conf'), content: 'a=1\n', mode: '0640' }
  const first = await run('file', input)
  t.deepEqual(first.result, { changed: true, path: input.path, sha256Before: null, sha256After: sha('a=1\n'), backup: null })
  t.is(readFileSync(input.path, 'utf8'), 'a=1\n')
  t.is(modeOf(input.path), '640')
  const second = await run('file', input)
  t.deepEqual(second.result, { changed: false, path: input.path, sha256Before: sha('a=1\n'), sha256After: sha('a=1\n'), backup: null })
  t.regex(second.said.system, /as wanted already/)
})

test('a replaced file keeps owner and mode unless they are named, and its old content is kept', async (t) => {
  const { run, directory, stateDir } = await actionsFixture(t)
  const path = join(directory, 'old.conf')
  writeFileSync(path, 'old')
  chmodSync(path, 0o604)
  const { result } = await run('file', { path, content: 'new' })
  t.is(modeOf(path), '604')
  t.like(result, { changed: true, sha256Before: sha('old'), sha256After: sha('new') })
  t.is(readFileSync(String(result.backup), 'utf8'), 'old')
  t.is(modeOf(String(result.backup)), '600')
  t.is(modeOf(join(stateDir, 'undo')), '700')
})

test('only the mode may differ, base64 is bytes, and absent removes', async (t) => {
  const { run, directory } = await actionsFixture(t)
  const path = join(directory, 'x')
  await run('file', { path, content: Buffer.from([0, 255, 10]).toString('base64'), encoding: 'base64' })
  t.deepEqual([...readFileSync(path)], [0, 255, 10])
  const moded = await run('file', { path, content: 'AP8K', encoding: 'base64', mode: '600' })
  t.like(moded.result, { changed: true })
  t.regex(moded.said.system, /sets mode 0600/)
  const removed = await run('file', { path, state: 'absent' })
  t.like(removed.result, { changed: true, sha256After: null })
  t.false(existsSync(path))
  t.like((await run('file', { path, state: 'absent' })).result, { changed: false, sha256Before: null })
})

test('what cannot be meant is refused with a reason and changes nothing', async (t) => {
  const { run, directory } = await actionsFixture(t)
  mkdirSync(join(directory, 'real'))
  symlinkSync(join(directory, 'real'), join(directory, 'link'))
  writeFileSync(join(directory, 'target'), 'kept')
  symlinkSync(join(directory, 'target'), join(directory, 'final-link'))
  execFileSync('mkfifo', [join(directory, 'pipe')])
  const cases: [object, string][] = [
    [{ path: `${directory}/../escape`, content: '' }, 'PathNotAllowed'],
    [{ path: `${directory}/./x`, content: '' }, 'PathNotAllowed'],
    [{ path: `${directory}//x`, content: '' }, 'PathNotAllowed'],
    [{ path: `${directory}/x\0y`, content: '' }, 'PathNotAllowed'],
    [{ path: `${directory}/link/x`, content: '' }, 'PathNotAllowed'],
    [{ path: `${directory}/target/x`, content: '' }, 'PathNotAllowed'],
    [{ path: `${directory}/nowhere/x`, content: '' }, 'ParentMissing'],
    [{ path: `${directory}/final-link`, content: '' }, 'NotARegularFile'],
    [{ path: `${directory}/real`, content: '' }, 'NotARegularFile'],
    [{ path: `${directory}/pipe`, content: '' }, 'NotARegularFile'],
    [{ path: `${directory}/x` }, 'InvalidInput'],
    [{ path: `${directory}/x`, state: 'absent', content: '' }, 'InvalidInput'],
    [{ path: `${directory}/x`, content: 'not base64!', encoding: 'base64' }, 'InvalidInput'],
    [{ path: `${directory}/x`, content: '', owner: 'nobody-has-this-name' }, 'UnknownOwner'],
  ]
  for (const [input, reason] of cases)
    t.like(await t.throwsAsync(run('file', input), undefined, JSON.stringify(input)), { reason }, JSON.stringify(input))
  t.is(readFileSync(join(directory, 'target'), 'utf8'), 'kept')
  t.deepEqual(readdirSync(join(directory, 'real')), [])
  t.false(existsSync(join(directory, 'x')))
})

test('a full disk is a reason, and the file is as it was', async (t) => {
  const { run, directory } = await actionsFixture(t, () => ({
    writeFileAtomic: async () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    },
  }))
  const path = join(directory, 'x')
  writeFileSync(path, 'old')
  t.like(await t.throwsAsync(run('file', { path, content: 'new' })), { reason: 'DiskFull' })
  t.is(readFileSync(path, 'utf8'), 'old')
})

test('a write that reads back differently is a failure, not a success', async (t) => {
  const { run, directory } = await actionsFixture(t, (host) => ({
    writeFileAtomic: (path, _data, options) => host.writeFileAtomic(path, Buffer.from('somebody else'), options),
  }))
  t.like(await t.throwsAsync(run('file', { path: join(directory, 'x'), content: 'mine' })), { reason: 'VerifyFailed' })
})

test('undoing puts everything back in reverse, also after several changes, and may be repeated', async (t) => {
  const { run, directory, undo } = await actionsFixture(t)
  const old = join(directory, 'old')
  const fresh = join(directory, 'fresh')
  const gone = join(directory, 'gone')
  writeFileSync(old, 'first', { mode: 0o600 })
  writeFileSync(gone, 'was here', { mode: 0o644 })
  for (let round = 0; round < 8; round++) await run('file', { path: old, content: `round ${round}`, mode: '0644' })
  await run('file', { path: fresh, content: 'x' })
  await run('file', { path: gone, state: 'absent' })
  const outcomes = await undo().undoAll()
  t.is(readFileSync(old, 'utf8'), 'first')
  t.is(modeOf(old), '600')
  t.false(existsSync(fresh))
  t.is(readFileSync(gone, 'utf8'), 'was here')
  t.false(outcomes.some(({ outcome }) => outcome === 'failed'))
  t.deepEqual(await undo().undoAll(), [])
})

test('undoing that was cut short goes on where it stopped', async (t) => {
  let writes = 0
  const { run, directory, undo, host } = await actionsFixture(t, (real) => ({
    writeFileAtomic: async (path, data, options) => {
      if (++writes === 4) throw new Error('the power went')
      return real.writeFileAtomic(path, data, options)
    },
  }))
  const a = join(directory, 'a')
  const b = join(directory, 'b')
  writeFileSync(a, 'a')
  writeFileSync(b, 'b')
  await run('file', { path: a, content: '1' })
  await run('file', { path: b, content: '2' })
  const first = await undo().undoAll()
  t.deepEqual(
    first.map(({ path, outcome }) => [path, outcome]),
    [
      [b, 'restored'],
      [a, 'failed'],
    ],
  )
  t.is(readFileSync(a, 'utf8'), '1')
  const second = await undo().undoAll()
  t.deepEqual(
    second.map(({ outcome }) => outcome),
    ['restored'],
  )
  t.is(readFileSync(a, 'utf8'), 'a')
  t.is(typeof host.uid(), 'number')
})

test('what someone else made of a file since is kept before it is put back', async (t) => {
  const { run, directory, stateDir, undo } = await actionsFixture(t)
  const path = join(directory, 'shared')
  writeFileSync(path, 'first')
  await run('file', { path, content: 'ours' })
  writeFileSync(path, 'edited by hand')
  const [outcome] = await undo().undoAll()
  t.regex(outcome?.message ?? '', /changed since by someone else/)
  t.is(readFileSync(path, 'utf8'), 'first')
  const [kept] = readdirSync(join(stateDir, 'undo', 'kept'))
  t.is(readFileSync(join(stateDir, 'undo', 'kept', String(kept)), 'utf8'), 'edited by hand')
})

test('a damaged record is reported with what to do, is not deleted, and does not stop the others', async (t) => {
  const { run, directory, stateDir, undo } = await actionsFixture(t)
  const a = join(directory, 'a')
  const b = join(directory, 'b')
  writeFileSync(a, 'a')
  writeFileSync(b, 'b')
  await run('file', { path: a, content: '1' })
  await run('file', { path: b, content: '2' })
  const record = join(stateDir, 'undo', '000001.json')
  writeFileSync(record, readFileSync(record, 'utf8').replace('"path"', '"pqth"'))
  const outcomes = await undo().undoAll()
  t.is(readFileSync(b, 'utf8'), 'b')
  t.like(
    outcomes.find(({ outcome }) => outcome === 'failed'),
    { path: record },
  )
  t.regex(outcomes.find(({ outcome }) => outcome === 'failed')?.message ?? '', /Restore it from a backup/)
  t.true(existsSync(record))
})

test('kept content that was damaged is never put back', async (t) => {
  const { run, directory, stateDir, undo } = await actionsFixture(t)
  const path = join(directory, 'a')
  writeFileSync(path, 'original')
  await run('file', { path, content: 'ours' })
  writeFileSync(join(stateDir, 'undo', '000001.data'), 'Original')
  const [outcome] = await undo().undoAll()
  t.is(outcome?.outcome, 'failed')
  t.is(readFileSync(path, 'utf8'), 'ours')
})
