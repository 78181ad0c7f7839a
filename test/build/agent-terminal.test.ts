// The single executable opens a terminal: the native library comes out of it, is loaded and leaves no file behind, also where the first
// directories are mounted noexec.
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { agentName, ensureAgent } from '#scripts/build/agent.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { pinsOf } from '#test/helpers/agent.ts'
import { openExec } from '#test/helpers/exec-client.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { startSite } from '#test/integration/site.ts'

test.before(async (t) => {
  t.timeout(600_000)
  await ensureAgent({ print: (line) => t.log(line), zstdLevel: 1 })
})

test.serial('the executable runs a shell in a terminal and a program without one', async (t) => {
  const site = await startSite(t)
  const program = join(site.directory, 'moorline-agent')
  await cp(inRepository('dist', agentName), program)
  const [stateDir, runtime, temporary] = ['state', 'runtime', 'tmp'].map((name) => join(site.directory, name)) as [string, string, string]
  for (const folder of [stateDir, temporary]) await mkdir(folder, { mode: 0o700 })
  await writeFile(
    join(stateDir, 'policy.json'),
    JSON.stringify({ terminal: { user: userInfo().username, shell: '/bin/sh', recording: 'always' } }),
    {
      mode: 0o600,
    },
  )
  const token = await site.joinToken({ uses: 1, approval: 'Automatic' })
  const env = { PATH: process.env.PATH, HOME: temporary, TMPDIR: temporary, RUNTIME_DIRECTORY: runtime, STATE_DIRECTORY: stateDir }
  const enroll = await startProgram(
    t,
    program,
    ['enroll', '--hub', site.hub.listen, '--token', '-', '--state-dir', stateDir, ...pinsOf(token).flatMap((pin) => ['--pin', pin])],
    { env, stdin: 'pipe' },
  )
  enroll.child.stdin?.end(`${token.status?.token ?? ''}\n`)
  t.is((await enroll.exited).code, 0, enroll.stderr())
  const agent = await startProgram(t, program, ['run', '--state-dir', stateDir], { env })
  const client = site.client()
  const machine = await until('the machine to connect', async () => {
    const { items } = (await client.ask('GET', `/apis/${apiVersion}/machines`)).json<{ items: Machine[] }>()
    return items.find(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Connected' && is === 'True'))
  })
  const before = await readdir(stateDir)
  const options = { url: site.hub.url, ca: client.ca.toString(), machine: machine.metadata.name, token: client.token }
  const shell = await openExec({ ...options, tty: true })
  shell.send('tty; echo $((6*7)) is the answer; exit 5\n')
  await shell.has('42 is the answer')
  t.like((await shell.ended).status, { details: { causes: [{ reason: 'ExitCode', message: '5' }] } })
  t.regex(shell.output(), /\/dev\/pts\/\d+/)
  const plain = await openExec({ ...options, command: ['cat', '/proc/self/comm'] })
  t.is((await plain.ended).status?.status, 'Success')
  t.is(plain.output(), 'cat\n')
  t.deepEqual(
    (await readdir(stateDir)).filter((name) => !before.includes(name)),
    ['recordings'],
  )
  t.deepEqual(
    (await readdir(temporary)).filter((name) => name.startsWith('.moorline')),
    [],
  )
  await agent.stop()
})
