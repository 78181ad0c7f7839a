import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { startRecording } from '#agent/terminal/recording.ts'
import { createRecordings } from '#agent/terminal/recordings.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { TerminalError } from '#shared/errors/terminal-reason.ts'

const header = { width: 80, height: 24, title: 'somebody as root' }

async function folderOf(t: { teardown(run: () => Promise<void>): void }): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'moorline-recordings-'))
  t.teardown(() => rm(parent, { recursive: true, force: true }))
  return join(parent, 'recordings')
}

test('a recording is asciicast: what it plays is what was printed, with characters that were cut in the middle', async (t) => {
  const folder = await folderOf(t)
  const file = await createRecordings({ folder, clock: systemClock }).create('system:serviceaccount/../x')
  const recording = startRecording({ file, clock: systemClock, limitBytes: 1e6, header, onFailure: () => t.fail() })
  const printed = Buffer.from('grün \u001b[31m→\u001b[0m 🚢\r\n"quoted"\t\u0007')
  for (const byte of printed) recording.output('stdout', Buffer.from([byte]))
  recording.resize(100, 40)
  recording.output('stderr', Buffer.from([0xff]))
  await recording.close()
  const [name = ''] = await readdir(folder)
  t.regex(name, /^\d{4}-[\dTZ-]+-system_serviceaccount_\.\._x-[0-9a-f]{6}\.cast$/)
  t.is((await stat(join(folder, name))).mode & 0o777, 0o600)
  t.is((await stat(folder)).mode & 0o777, 0o700)
  const [first = '', ...rest] = (await readFile(join(folder, name), 'utf8')).trim().split('\n')
  t.like(JSON.parse(first), { version: 2, width: 80, height: 24, title: 'somebody as root' })
  const events = rest.map((line) => JSON.parse(line) as [number, string, string])
  t.is(
    events
      .filter(([, code]) => code === 'o')
      .map(([, , text]) => text)
      .join(''),
    `${printed.toString()}\ufffd`,
  )
  t.deepEqual(
    events.filter(([, code]) => code === 'r').map(([, , text]) => text),
    ['100x40'],
  )
  t.true(events.every(([seconds], index) => seconds >= (events[index - 1]?.[0] ?? 0)))
})

test('a recording that is full says so once and writes nothing more', async (t) => {
  const folder = await folderOf(t)
  const file = await createRecordings({ folder, clock: systemClock }).create('me')
  const failures: TerminalError[] = []
  const recording = startRecording({ file, clock: systemClock, limitBytes: 1000, header, onFailure: (error) => failures.push(error) })
  for (let count = 0; count < 100; count++) recording.output('stdout', Buffer.alloc(50, 'x'))
  await recording.close()
  t.deepEqual(
    failures.map(({ reason }) => reason),
    ['RecordingFull'],
  )
  const [name = ''] = await readdir(folder)
  t.true((await stat(join(folder, name))).size <= 1000)
})

test('the folder stays within its limit: the oldest finished ones go, those being written stay', async (t) => {
  const folder = await folderOf(t)
  const recordings = createRecordings({ folder, clock: systemClock, limits: { sessionBytes: 100, folderBytes: 400 } })
  const open = await recordings.create('open')
  for (const year of [2001, 2002, 2003]) await writeFile(join(folder, `${year}.cast`), Buffer.alloc(100))
  await writeFile(join(folder, 'note.txt'), 'not a recording')
  await (await recordings.create('next')).close()
  const names = await readdir(folder)
  t.deepEqual(names.filter((name) => name.startsWith('200')).sort(), ['2002.cast', '2003.cast'])
  t.true(names.some((name) => name.includes('-open-')))
  t.true(names.includes('note.txt'))
  await open.close()
})

test('a folder that cannot be written refuses', async (t) => {
  const folder = await folderOf(t)
  await writeFile(join(folder, '..', 'file'), '')
  const error = await t.throwsAsync<TerminalError>(
    createRecordings({ folder: join(folder, '..', 'file', 'x'), clock: systemClock }).create('me'),
  )
  t.is(error?.reason, 'RecordingFailed')
})
