// The program as an operator meets it.
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { AgentStatus } from '#agent/cli/status-file.ts'
import { lockStateDirectory } from '#agent/cli/lock.ts'
import { openIdentityStore } from '#agent/enroll/identity-store.ts'
import { type Fleet, joinToken, startFleet } from '#test/agent/link/fleet.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

async function agent(t: ExecutionContext, args: readonly string[], { env = {}, stdin }: { env?: NodeJS.ProcessEnv; stdin?: string } = {}) {
  const program: Program = await startProgram(t, process.execPath, ['agent/main.ts', ...args], {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    stdin: 'pipe',
  })
  program.child.stdin?.end(stdin ?? '')
  return program
}

async function ended(program: Program) {
  const { code } = await program.exited
  return { code, stdout: program.stdout(), stderr: program.stderr() }
}

const enrollArgs = (fleet: Fleet, stateDir: string) => [
  'enroll',
  ...['--hub', `127.0.0.1:${fleet.port}`, '--state-dir', stateDir],
  ...fleet.pki.pins.flatMap((pin) => ['--pin', pin]),
]

test.serial('--version and --help answer at once; an unknown command is a usage error', async (t) => {
  t.regex((await ended(await agent(t, ['--version']))).stdout, /^moorline-agent \d/)
  const help = await ended(await agent(t, ['--help']))
  t.is(help.code, 0)
  for (const command of ['enroll', 'run', 'status', 'leave', 'preflight']) t.regex(help.stdout, new RegExp(`^  ${command} `, 'm'))
  for (const command of ['nonsense', 'constructor']) t.is((await ended(await agent(t, [command]))).code, 2)
  t.is((await ended(await agent(t, ['status', '--nonsense']))).code, 2)
  for (const command of ['enroll', 'run', 'status', 'leave', 'preflight']) {
    const { code, stdout } = await ended(await agent(t, [command, '--help']))
    t.is(code, 0, command)
    t.regex(stdout, new RegExp(`^Usage: moorline-agent ${command}`))
  }
})

test.serial('the token comes by standard input, file or environment; as an argument it is refused', async (t) => {
  const fleet = await startFleet(t)
  const file = join(await tempDir(t), 'token')
  writeFileSync(file, `${joinToken}\n`)
  const ways = [
    { args: ['--token-stdin'], stdin: `${joinToken}\n` },
    { args: ['--token', '-'], stdin: joinToken },
    { args: ['--token-file', file] },
    { args: [], env: { MOORLINE_JOIN_TOKEN: joinToken } },
  ]
  for (const { args, ...rest } of ways) {
    const { code, stdout, stderr } = await ended(await agent(t, [...enrollArgs(fleet, await tempDir(t)), ...args], rest))
    t.is(code, 0, stderr)
    t.regex(stdout, /enrolled as machine machine\nfingerprint {2}[0-9a-f]{4} /)
  }
  const { code, stderr } = await ended(await agent(t, [...enrollArgs(fleet, await tempDir(t)), '--token', joinToken]))
  t.is(code, 1)
  t.regex(stderr, /must not be an argument/)
  t.false(stderr.includes(joinToken))
})

test.serial('status says what is, while it runs and after; SIGTERM ends the agent within 5 s', async (t) => {
  const fleet = await startFleet(t)
  const { stateDir } = await fleet.enrolled()
  const status = async () => {
    const { code, stdout } = await ended(await agent(t, ['status', '-o', 'json', '--state-dir', stateDir]))
    return { code, json: JSON.parse(stdout) as AgentStatus & { enrollment: string; isConnected: boolean } }
  }
  const before = await status()
  t.is(before.code, 1)
  t.like(before.json, { enrollment: 'Enrolled', isConnected: false })
  const running = await agent(t, ['run', '--hub', `127.0.0.1:${fleet.port}`, '--state-dir', stateDir])
  const up = await until('the agent to be up', async () => {
    const now = await status()
    return now.code === 0 ? now.json : undefined
  })
  t.like(up, { pid: running.pid, phase: 'up', isConnected: true, runningTasks: 0, hub: `127.0.0.1:${fleet.port}`, proxy: 'none' })
  t.is(up.identity?.fingerprint, [...fleet.members.values()][0]?.fingerprint)
  t.is(up.planes[0]?.name, 'nats')
  t.true(openSockets(running.pid).length > 0)
  t.deepEqual(listeningSockets(running.pid), [], 'the agent opens no listener')

  const second = await ended(await agent(t, ['run', '--hub', `127.0.0.1:${fleet.port}`, '--state-dir', stateDir]))
  t.is(second.code, 1)
  t.regex(second.stderr, new RegExp(`process ${running.pid} uses`))

  const startMs = performance.now()
  t.is((await running.stop()).code, 0)
  t.true(performance.now() - startMs < 5_000)
  t.is((await status()).json.phase, 'stopped')
  for (const secret of [joinToken, openIdentityStore(stateDir).current()?.natsSeed ?? '-', 'PRIVATE KEY']) {
    t.false(running.stderr().includes(secret))
    t.false(readFileSync(join(stateDir, 'status.json'), 'utf8').includes(secret))
  }
})

test.serial('a request left waiting by --no-wait is finished by run, and the token is forgotten', async (t) => {
  const fleet = await startFleet(t)
  fleet.setApproval('pending')
  const stateDir = await tempDir(t)
  const asked = await ended(await agent(t, [...enrollArgs(fleet, stateDir), '--token-stdin', '--no-wait'], { stdin: joinToken }))
  t.is(asked.code, 0, asked.stderr)
  const running = await agent(t, ['run', '--state-dir', stateDir])
  await until('the agent to wait', () => running.stderr().includes('waits for approval'))
  t.is((await ended(await agent(t, ['status', '--state-dir', stateDir]))).stdout.split('\n')[0], 'enrollment  Pending')
  fleet.setApproval('approved')
  await until('the identity', () => openIdentityStore(stateDir).current())
  await until('the token to be forgotten', () => !existsSync(join(stateDir, 'pending-join-token')))
  t.is((await running.stop()).code, 0)
  t.is(fleet.asked(), 1)
})

test.serial('a denied request ends run with words and is not asked again', async (t) => {
  const fleet = await startFleet(t)
  fleet.setApproval('pending')
  const stateDir = await tempDir(t)
  await ended(await agent(t, [...enrollArgs(fleet, stateDir), '--token-stdin', '--no-wait'], { stdin: joinToken }))
  fleet.setApproval('denied')
  const { code, stderr } = await ended(await agent(t, ['run', '--state-dir', stateDir]))
  t.is(code, 78)
  t.regex(stderr, /EnrollmentDenied/)
  t.false(existsSync(join(stateDir, 'pending-join-token')))
})

test.serial('a policy that cannot be understood keeps the agent from starting', async (t) => {
  const stateDir = await tempDir(t)
  const policy = join(await tempDir(t), 'policy.json')
  writeFileSync(policy, '{"allowedActions": ["everything"]}', { mode: 0o600 })
  const { code, stderr } = await ended(await agent(t, ['run', '--state-dir', stateDir, '--policy-file', policy]))
  t.is(code, 78)
  t.regex(stderr, /allowedActions\.0/)
})

test.serial('leave forgets identity, journal and configuration', async (t) => {
  const fleet = await startFleet(t)
  const { stateDir } = await fleet.enrolled()
  writeFileSync(join(stateDir, 'config.json'), '{}')
  for (const round of [1, 2]) {
    const { code, stderr } = await ended(await agent(t, ['leave', '--state-dir', stateDir]))
    t.is(code, 0, `round ${round}: ${stderr}`)
  }
  t.is(openIdentityStore(stateDir).current(), undefined)
  t.false(existsSync(join(stateDir, 'config.json')))
})

test('the lock of a process that is gone, or of another with its number, does not hold', async (t) => {
  const stateDir = await tempDir(t)
  writeFileSync(join(stateDir, 'agent.pid'), `${process.pid} 1\n`)
  const unlock = lockStateDirectory(stateDir, process.pid)
  t.throws(() => lockStateDirectory(stateDir, process.pid), { message: new RegExp(`process ${process.pid} uses`) })
  unlock()
  lockStateDirectory(stateDir, process.pid)()
  t.false(existsSync(join(stateDir, 'agent.pid')))
})

/** Inodes of listening TCP sockets that the process has open. */
function listeningSockets(pid: number): string[] {
  const listening = new Set(
    ['tcp', 'tcp6'].flatMap((table) =>
      readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === '0A')
        .map((fields) => fields[9] ?? ''),
    ),
  )
  return openSockets(pid).filter((inode) => listening.has(inode))
}

function openSockets(pid: number): string[] {
  const directory = `/proc/${pid}/fd`
  return readdirSync(directory).flatMap((name) => /^socket:\[(\d+)\]$/.exec(readlinkSync(join(directory, name)))?.[1] ?? [])
}
