import { execFile } from 'node:child_process'
import { cp, readFile, stat } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { createHash } from 'node:crypto'
import test from 'ava'
import { agentName, ensureAgent } from '#scripts/build/agent.ts'
import type { PreflightRow } from '#shared/contract/preflight.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

const built = inRepository('dist', agentName)
const maxBytes = 120e6
const maxCompressedBytes = 35e6
const maxStartMs = 300

test.before(async (t) => {
  t.timeout(600_000)
  await ensureAgent({ print: (line) => t.log(line) })
})

interface Result {
  code: number | null
  stdout: string
  stderr: string
  durationMs: number
}

/** Runs the executable alone in an empty directory with an empty environment. */
async function runAlone(t: Parameters<typeof tempDir>[0], args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  const folder = await tempDir(t)
  const program = join(folder, 'moorline-agent')
  await cp(built, program)
  const startedMs = performance.now()
  return new Promise((resolve) => {
    execFile(program, args, { cwd: folder, env, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : null) : 0
      resolve({ code, stdout, stderr, durationMs: performance.now() - startedMs })
    })
  })
}

test.serial('it is small enough, and the compressed one is the same file', async (t) => {
  t.true((await stat(built)).size <= maxBytes)
  const compressed = await readFile(`${built}.zst`)
  t.true(compressed.length <= maxCompressedBytes)
  t.true(zstdDecompressSync(compressed).equals(await readFile(built)))
})

test.serial('the digests are those of the files', async (t) => {
  const lines = (await readFile(`${built}.sha256`, 'utf8')).trim().split('\n')
  t.is(lines.length, 2)
  for (const line of lines) {
    const [digest = '', name = ''] = line.split('  ')
    t.is(
      createHash('sha256')
        .update(await readFile(inRepository('dist', name)))
        .digest('hex'),
      digest,
    )
  }
})

test.serial('it says its version at once, in an empty directory with an empty environment', async (t) => {
  const { version } = JSON.parse(await readFile(inRepository('package.json'), 'utf8')) as { version: string }
  const results: Result[] = []
  for (let count = 0; count < 5; count++) results.push(await runAlone(t, ['--version']))
  for (const result of results) t.deepEqual([result.code, result.stdout], [0, `moorline-agent ${version}\n`], result.stderr)
  const best = Math.min(...results.map(({ durationMs }) => durationMs))
  t.true(best <= maxStartMs, `${best} ms`)
})

test.serial('its preflight needs nothing but the machine', async (t) => {
  const result = await runAlone(t, ['preflight', '-o', 'json'])
  t.true(result.code === 0 || result.code === 1 || result.code === 3, result.stderr)
  const { rows } = JSON.parse(result.stdout) as { rows: PreflightRow[] }
  t.true(rows.length > 30)
  t.true(rows.some(({ id, outcome }) => id === 'NumCPU' && outcome !== 'unknown'))
})

test.serial('NODE_OPTIONS does not reach it', async (t) => {
  const result = await runAlone(t, ['--version'], { NODE_OPTIONS: '--no-such-option' })
  t.is(result.code, 0, result.stderr)
})

test.serial('SIGUSR1 opens no debugger: nothing in it catches that signal', async (t) => {
  const child = await startProgram(t, built, ['preflight', '-o', 'json'], { cwd: await tempDir(t), env: {} })
  // Linux, proc(5): SigCgt is a mask in hexadecimal, the lowest bit is signal 1.
  const caught = async () => BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? '0'}`)
  const has = (mask: bigint, signal: number) => ((mask >> BigInt(signal - 1)) & 1n) === 1n
  // The program's own handler of SIGTERM comes after everything that the runtime installs.
  const mask = await until('its handler of SIGTERM', async () => {
    const now = await caught()
    return has(now, constants.signals.SIGTERM) ? now : undefined
  })
  t.false(has(mask, constants.signals.SIGUSR1))
})
