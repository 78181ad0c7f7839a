// F-01: the process is killed with SIGKILL at each point of a write, and then the database is asked whether it still has everything that
// was acknowledged, and nothing twice.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openStore } from '#hub/store/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const root = join(import.meta.dirname, '../../..')
const fixture = join(import.meta.dirname, 'fixtures/writer.ts')

interface Run {
  signal: NodeJS.Signals | null
  lines: string[]
  stderr: string
}

function run(path: string, failpoints: string, options: { module?: string; killAfterLines?: number } = {}): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [fixture, path, failpoints, ...(options.module ? [options.module] : [])])
    let out = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (options.killAfterLines !== undefined && out.split('\n').length > options.killAfterLines) child.kill('SIGKILL')
    })
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    // The last line may be torn: it was then not fully written, so it does not count.
    child.on('close', (_code, signal) => resolve({ signal, lines: out.split('\n').slice(0, -1), stderr }))
  })
}

/** Everything that was acknowledged and is not there, or is there twice. */
async function losses(path: string, lines: readonly string[]): Promise<string[]> {
  const store = await openStore({ path, log: silentLog, clock: systemClock })
  try {
    const found: string[] = []
    const sequence = await store.committedSequence('agent')
    const rows = await store.taskLog('uid-t', 1, 0, 1e9)
    const auditRows = (await store.audit(0, 1e6)).length
    for (const line of lines) {
      const [what, value = '', version = ''] = line.split(' ')
      if (what === 'object' && store.get('Cluster', value)?.metadata.resourceVersion !== version) found.push(line)
      if (what === 'object' && Number(version) > store.currentResourceVersion()) found.push(`version went back: ${line}`)
      if (what === 'events' && Number(value) > sequence) found.push(line)
      if (what === 'audit' && Number(value) > auditRows) found.push(line)
    }
    const expected = Array.from({ length: sequence }, (_, index) => `${index + 1};`).join('')
    if (rows.map((row) => row.data.toString()).join('') !== expected) found.push('the log is not each event once')
    if (!(await store.verifyAudit()).ok) found.push('the audit chain is broken')
    return found
  } finally {
    await store.close()
  }
}

async function survives(t: ExecutionContext, failpoint: string): Promise<void> {
  const path = join(await tempDir(t), 'hub.db')
  const lines: string[] = []
  // Twice, so that a recovered database is crashed too.
  for (let round = 0; round < 2; round++) {
    const { signal, lines: more, stderr } = await run(path, failpoint)
    t.is(signal, 'SIGKILL', stderr)
    lines.push(...more)
    t.deepEqual(await losses(path, lines), [])
  }
}

for (const point of ['before-begin', 'after-begin', 'before-commit', 'after-commit'])
  for (const count of [2, 60])
    test.serial(`killed at ${point} of write ${count}: nothing acknowledged is lost, nothing is there twice`, (t) =>
      survives(t, `hub.store.${point}:${count}`),
    )

test.serial('killed at some moment under load: the same', async (t) => {
  const path = join(await tempDir(t), 'hub.db')
  const lines: string[] = []
  for (const killAfterLines of [50, 333, 1000]) {
    const { signal, lines: more, stderr } = await run(path, '', { killAfterLines })
    t.is(signal, 'SIGKILL', stderr)
    lines.push(...more)
    t.deepEqual(await losses(path, lines), [])
  }
})

test.serial('killed in the first migration: the next start begins anew', async (t) => {
  const path = join(await tempDir(t), 'hub.db')
  const { signal, lines } = await run(path, 'hub.migration')
  t.is(signal, 'SIGKILL')
  t.deepEqual(lines, [])
  t.false(existsSync(path))
  t.deepEqual(await losses(path, []), [])
})

test.serial('killed in a backup: the hub has lost nothing and no half copy has the name', async (t) => {
  const path = join(await tempDir(t), 'hub.db')
  const { signal, lines } = await run(path, 'hub.backup:1')
  t.is(signal, 'SIGKILL')
  t.false(existsSync(`${path}.backup`))
  t.deepEqual(await losses(path, lines), [])
  const second = await run(path, 'hub.backup:2')
  t.is(second.signal, 'SIGKILL')
  t.true(second.lines.includes('backup'))
  t.deepEqual(await losses(path, [...lines, ...second.lines]), [])
  t.deepEqual(
    await losses(
      `${path}.backup`,
      lines.filter((line) => line.startsWith('object')),
    ),
    [],
  )
})

test.serial('the test bites: a store that acknowledges before COMMIT is found out', async (t) => {
  const directory = await tempDir(t)
  const mutant = join(directory, 'mutant')
  mkdirSync(join(mutant, 'hub'), { recursive: true })
  for (const name of ['shared', 'proto', 'node_modules']) symlinkSync(join(root, name), join(mutant, name))
  writeFileSync(join(mutant, 'package.json'), readFileSync(join(root, 'package.json')))
  cpSync(join(root, 'hub/store'), join(mutant, 'hub/store'), { recursive: true })
  const file = join(mutant, 'hub/store/writer/group.ts')
  const source = readFileSync(file, 'utf8')
  const point = "    failpoint('hub.store.before-commit')\n"
  // Answers first and gives the main thread the time to pass the answer on, then commits.
  const early =
    '    parentPort?.postMessage({ ...group, replies: [...group.replies] })\n    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)\n'
  t.true(source.includes(point))
  writeFileSync(file, `import { parentPort } from 'node:worker_threads'\n${source.replace(point, early + point)}`)

  const path = join(directory, 'hub.db')
  const { signal, lines, stderr } = await run(path, 'hub.store.before-commit:7', { module: join(mutant, 'hub/store/open.ts') })
  t.is(signal, 'SIGKILL', stderr)
  t.not((await losses(path, lines)).length, 0)
})
