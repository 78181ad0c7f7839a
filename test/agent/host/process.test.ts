import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createHost } from '#agent/host/create.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { until } from '#test/helpers/until.ts'

const host = createHost({ clock: systemClock, environment: { PATH: process.env.PATH } })
const ignoreOutput = () => undefined

function temporary(t: { teardown(run: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'host-process-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie still answers to signal 0.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('a program runs without a shell and both streams are collected', async (t) => {
  const result = await host.run('printf', ['%s', '$HOME; echo no'])
  t.like(result, { exitCode: 0, signal: null, stdout: '$HOME; echo no', stderr: '', isTimedOut: false, isMissing: false })
  t.like(await host.run('sh', ['-c', 'echo out; echo err >&2; exit 7']), { exitCode: 7, stdout: 'out\n', stderr: 'err\n' })
})

test('a missing program is a result, and an error when it is to be streamed', async (t) => {
  t.like(await host.run('no-such-program-here', []), { isMissing: true, exitCode: null })
  await t.throwsAsync(host.spawn('no-such-program-here', [], { onOutput: ignoreOutput }), { code: 'ENOENT' })
})

test('a missing working directory is not taken for a missing program', async (t) => {
  await t.throwsAsync(host.spawn('true', [], { cwd: '/no/such/directory', onOutput: ignoreOutput }))
})

test('output over the bound is dropped and the program still ends', async (t) => {
  const { stdout, exitCode } = await host.run('head', ['-c', '3000000', '/dev/zero'], { maxOutputBytes: 1000 })
  t.is(stdout.length, 1000)
  t.is(exitCode, 0)
})

test('a program over its time is ended and says so', async (t) => {
  t.like(await host.run('sleep', ['60'], { timeoutMs: 50 }), { isTimedOut: true, signal: 'SIGTERM', exitCode: null })
})

test('standard input reaches the program, and one that does not read it is no error', async (t) => {
  t.is((await host.run('cat', [], { stdin: 'hello' })).stdout, 'hello')
  t.is((await host.run('true', [], { stdin: 'x'.repeat(1_000_000) })).exitCode, 0)
})

test('the environment is added to the given one', async (t) => {
  t.is((await host.run('sh', ['-c', 'printf %s "$GREETING"'], { env: { GREETING: 'hi' } })).stdout, 'hi')
})

test('abort ends the whole process group, the grandchildren too', async (t) => {
  const file = join(temporary(t), 'pid')
  const abort = new AbortController()
  const running = host.spawn('sh', ['-c', `sleep 60 & echo $! > ${file}; wait`], { signal: abort.signal, onOutput: ignoreOutput })
  const grandchild = await until('the grandchild', () => {
    try {
      return Number(readFileSync(file, 'utf8'))
    } catch {
      return false
    }
  })
  t.true(isAlive(grandchild))
  abort.abort()
  t.is((await running).signal, 'SIGTERM')
  t.false(isAlive(grandchild))
})

test('a group that ignores SIGTERM is ended with SIGKILL', async (t) => {
  const abort = new AbortController()
  let output = ''
  const running = host.spawn('sh', ['-c', "trap '' TERM; echo ready; while :; do sleep 0.2; done"], {
    signal: abort.signal,
    onOutput: (_stream, data) => {
      output += data.toString()
    },
  })
  await until('the trap', () => output.includes('ready'))
  abort.abort()
  t.is((await running).signal, 'SIGKILL')
})

test('a background child that holds the pipes does not keep the call waiting', async (t) => {
  let pid = 0
  const started = performance.now()
  const ended = await host.spawn('sh', ['-c', 'sleep 30 & exit 3'], {
    onOutput: ignoreOutput,
    onSpawn: (spawned) => {
      pid = spawned
    },
  })
  t.is(ended.exitCode, 3)
  t.true(performance.now() - started < 15_000)
  process.kill(-pid, 'SIGKILL')
})

test('a signal that was already aborted starts nothing', async (t) => {
  await t.throwsAsync(host.spawn('true', [], { signal: AbortSignal.abort(), onOutput: ignoreOutput }), { name: 'AbortError' })
})
