// Real worker processes: this program's own `worker`, and small scripts that misbehave in its place.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { createHost } from '#agent/host/create.ts'
import { callWorker } from '#agent/worker/call.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { Facts } from '#shared/contract/facts.ts'
import type { OperatorError } from '#shared/errors/api-error.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const host = createHost({ clock: systemClock, environment: process.env })
const own = [process.execPath, inRepository('agent/main.ts')]
const patient = () => new AbortController().signal

async function misbehaving(t: Parameters<typeof tempDir>[0], source: string) {
  const path = join(await tempDir(t), 'worker.mjs')
  await writeFile(path, source)
  return [process.execPath, path]
}

test('facts are collected in a process of their own', async (t) => {
  const facts = (await callWorker({ host, self: own }, { kind: 'facts' }, { signal: patient() })) as Facts
  t.true(facts.cpu.count > 0)
  t.true(facts.memory.totalBytes > 0)
})

test('preflight rows arrive before the result, and the result has them all', async (t) => {
  const rows: string[] = []
  const input = { role: 'worker' } as const
  const result = (await callWorker(
    { host, self: own },
    { kind: 'preflight', input },
    { signal: patient(), onRow: (row) => rows.push(row.id) },
  )) as { rows: { id: string }[] }
  t.true(rows.length > 0)
  t.deepEqual([...rows].sort(), result.rows.map((row) => row.id).sort())
})

test('an error of the worker keeps its code, message and advice', async (t) => {
  const self = await misbehaving(
    t,
    `console.log(JSON.stringify({ failed: { code: 'PreflightInputInvalid', message: 'no such check', next: 'Correct it.' } })); process.exitCode = 1`,
  )
  const error = await t.throwsAsync<OperatorError>(callWorker({ host, self }, { kind: 'facts' }, { signal: patient() }))
  t.is(error?.code, 'PreflightInputInvalid')
  t.is(error?.message, 'no such check')
  t.is(error?.next, 'Correct it.')
})

for (const [what, source, expected] of [
  ['ends by a signal', `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)`, /ended by SIGKILL without a result/],
  ['ends with an exit code', `console.error('out of luck'); process.exitCode = 3`, /exit code 3 without a result\. out of luck/],
  ['prints what is no JSON', `console.log('hello')`, /cannot be read/],
  ['prints a line of another form', `console.log('{"other":1}')`, /a line of another form/],
  ['never ends a line', `process.stdout.write('x'.repeat(8 * 1024 * 1024))`, /over the limit|cannot be read/],
] as const) {
  test(`a worker that ${what} fails the call with WorkerFailed`, async (t) => {
    const self = await misbehaving(t, source)
    const error = await t.throwsAsync<OperatorError>(callWorker({ host, self }, { kind: 'facts' }, { signal: patient() }))
    t.is(error?.code, 'WorkerFailed')
    t.regex(error?.message ?? '', expected)
  })
}

test('an aborted call ends the worker and rejects with the reason', async (t) => {
  const self = await misbehaving(t, `console.log(JSON.stringify({ row: {} })); console.error(process.pid); setInterval(() => {}, 1000)`)
  const stop = new AbortController()
  let pid = 0
  const watched = {
    ...host,
    spawn: (program: string, args: readonly string[], options: Parameters<typeof host.spawn>[2]) =>
      host.spawn(program, args, {
        ...options,
        onSpawn(child) {
          pid = child
          stop.abort(new Error('the task was cancelled'))
        },
      }),
  }
  await t.throwsAsync(callWorker({ host: watched, self }, { kind: 'facts' }, { signal: stop.signal }), {
    message: 'the task was cancelled',
  })
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
