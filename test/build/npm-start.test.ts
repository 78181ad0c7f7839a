// What `npm start` runs, from nothing to a checked machine, and again.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { openClient } from '#test/faults/client.ts'
import { kubectl } from '#test/helpers/kubectl.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { freePort } from '#test/helpers/ports.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

/** Every process whose arguments name the data directory: hub, NATS server, agent. */
async function processesOf(dataDir: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (command.includes(dataDir)) found.push(`${pid} ${command.replaceAll('\0', ' ').slice(0, 120)}`)
  }
  return found
}

async function start(t: ExecutionContext, dataDir: string, port: number): Promise<Program> {
  const args = ['scripts/dev/start.ts', '--listen', `127.0.0.1:${port}`, '--data', dataDir]
  const program = await startProgram(t, process.execPath, args, { cwd: repositoryRoot })
  await program.line('what to do next', (line) => (line.startsWith('Ctrl-C stops it') ? line : undefined), 80_000)
  return program
}

test.serial(
  'it prints the preflight, a link that works once, a kubeconfig and a command; Ctrl-C ends all; a second start goes on',
  async (t) => {
    t.timeout(110_000)
    const dataDir = await tempDir(t)
    const port = await freePort()
    const first = await start(t, dataDir, port)
    const printed = first.stdout()
    t.regex(printed, /is connected/)
    t.regex(printed, /ok +IsPrivilegedUser|ok +NumCPU|ok +Hostname/)
    t.regex(printed, /Preflight of \S+: \d+ passed, \d+ failed/)
    t.regex(printed, /--pinnedpubkey/)
    const kubeconfig = join(dataDir, 'admin.kubeconfig')
    t.true(printed.includes(kubeconfig))
    t.is((await stat(kubeconfig)).mode & 0o777, 0o600)
    const link = new URL(/https:\/\/\S+#code=\S+/.exec(printed)?.[0] ?? '')
    t.is(link.host, `127.0.0.1:${port}`)
    const code = new URLSearchParams(link.hash.slice(1)).get('code')
    const client = await openClient(kubeconfig)
    t.teardown(async () => client.close())
    const signIn = () => client.ask('POST', '/auth/login', { body: { code }, token: null })
    const signedIn = await signIn()
    t.is(signedIn.status, 200)
    const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? ''
    t.is((await client.ask('GET', '/auth/whoami', { token: null, headers: { cookie } })).json<{ user: string }>().user, 'admin')
    t.is((await signIn()).status, 401, 'the link works once')
    t.is((await client.ask('GET', '/', { token: null })).status, 200)
    t.is((await client.ask('GET', '/readyz', { token: null })).status, 200)

    const machines = async () => JSON.parse((await kubectl(kubeconfig, ['get', 'machines', '-o', 'json'])).stdout).items as Machine[]
    const [before] = await machines()
    t.is((await processesOf(dataDir)).filter((line) => !line.includes('start.ts')).length >= 3, true)
    first.kill('SIGINT')
    t.is((await first.exited).code, 0)
    t.deepEqual(await processesOf(dataDir), [])

    const second = await start(t, dataDir, port)
    const after = await machines()
    t.is(after.length, 1)
    t.is(after[0]?.metadata.uid, before?.metadata.uid)
    // Even when it cannot say goodbye, nothing of it stays.
    second.kill('SIGKILL')
    await second.exited
    await until('everything to end with it', async () => (await processesOf(dataDir)).length === 0)
  },
)
