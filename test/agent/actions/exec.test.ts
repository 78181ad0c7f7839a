import test from 'ava'
import { until } from '#test/helpers/until.ts'
import { actionsFixture } from './fixture.ts'

test('a program runs with its arguments as they are: nothing is expanded by a shell', async (t) => {
  const { run } = await actionsFixture(t)
  const { result, said } = await run('exec', { command: ['printf', '%s|', '$(id)', '*', '`id`', 'a b', ';', '"'] })
  t.is(said.stdout, '$(id)|*|`id`|a b|;|"|')
  t.deepEqual(result, { exitCode: 0, signal: null, outputBytes: said.stdout.length })
})

test('working directory, environment and standard input are passed on', async (t) => {
  const { run, directory } = await actionsFixture(t)
  const input = {
    command: ['sh', '-c', 'pwd; echo $GREETING; cat'],
    workingDirectory: directory,
    environment: { GREETING: 'hello' },
    stdin: 'typed',
  }
  const { said } = await run('exec', input)
  t.is(said.stdout, `${directory}\nhello\ntyped`)
})

test('an exit code other than 0 is a failure that keeps the code', async (t) => {
  const { run } = await actionsFixture(t)
  const error = await t.throwsAsync(run('exec', { command: ['sh', '-c', 'echo bad >&2; exit 7'] }))
  t.like(error, { reason: 'NonZeroExit', result: { exitCode: 7, signal: null, outputBytes: 4 } })
})

test('a program that is ended by a signal says so', async (t) => {
  const { run } = await actionsFixture(t)
  const error = await t.throwsAsync(run('exec', { command: ['sh', '-c', 'kill -9 $$'] }))
  t.like(error, { reason: 'KilledBySignal', result: { exitCode: null, signal: 'SIGKILL' } })
})

test('a program that does not exist, or cannot be started, has its own reason', async (t) => {
  const { run, directory } = await actionsFixture(t)
  t.like(await t.throwsAsync(run('exec', { command: ['no-such-program-here'] })), { reason: 'CommandNotFound' })
  t.like(await t.throwsAsync(run('exec', { command: ['true'], workingDirectory: `${directory}/nowhere` })), { reason: 'CommandNotFound' })
  t.like(await t.throwsAsync(run('exec', { command: ['true', 'a\0b'] })), { reason: 'CommandNotStarted' })
})

test('output comes in chunks of at most 64 KiB, all of it, with both streams and any bytes', async (t) => {
  const { run } = await actionsFixture(t)
  const { result, said } = await run('exec', { command: ['sh', '-c', 'head -c 1000000 /dev/zero; printf "\\033[31m\\r\\n" >&2'] })
  t.is(result.outputBytes, 1_000_007)
  t.is(said.stdout.length, 1_000_000)
  t.is(said.stderr, '\x1b[31m\r\n')
  t.true(said.chunks.every((size) => size <= 65_536))
})

test('a cancel ends the program and its children', async (t) => {
  const { run } = await actionsFixture(t)
  const abort = new AbortController()
  const running = run('exec', { command: ['sh', '-c', 'sleep 300 & echo $!; wait'] }, { signal: abort.signal }).catch(
    (error: unknown) => error,
  )
  const pids: number[] = []
  await until('the child', async () => {
    const { readdirSync, readFileSync } = await import('node:fs')
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8')
        if (environment.includes('MOORLINE_TASK=task-1.1') && readFileSync(`/proc/${name}/cmdline`, 'utf8').startsWith('sleep'))
          pids.push(Number(name))
      } catch {
        // Ended while it was looked at.
      }
    }
    return pids.length > 0
  })
  abort.abort()
  t.like(await running, { reason: 'Aborted' })
  for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('the spawn is recorded before it, with the process id after it', async (t) => {
  const { run } = await actionsFixture(t)
  const { said } = await run('exec', { command: ['true'] })
  t.is(said.pids[0], 0)
  t.true((said.pids[1] ?? 0) > 1)
})

test('preflight and facts pass on what they are given', async (t) => {
  const { run, actions } = await actionsFixture(t)
  const preflight = await run('preflight', {})
  t.deepEqual(preflight.said.rows, [{ id: 'Swap' }])
  t.like(preflight.result, { summary: { pass: 1 } })
  t.deepEqual((await run('facts', {})).result, { hostname: 'here' })
  t.deepEqual(
    [actions.preflight.isMutating, actions.facts.isMutating, actions.exec.isMutating, actions.file.isMutating],
    [false, false, true, true],
  )
})
