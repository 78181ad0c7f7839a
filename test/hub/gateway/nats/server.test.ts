// The embedded nats-server through its life: killed, restarted, left behind, replaced by an external one.
import { spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { Hello } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { fromAgent } from '#shared/contract/subjects.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { silentLog } from '#shared/log/log.ts'
import { endStaleServer } from '#hub/gateway/nats/stale.ts'
import { createGateway } from '#hub/gateway/create.ts'
import type { GatewayOptions } from '#hub/gateway/types.ts'
import { until } from '#test/helpers/until.ts'
import { type Fixture, startFixture } from '../fixture.ts'

const hello = Hello.encode(Hello.fromPartial({ sessionId: 's' })).finish()
const isReady = (fixture: Fixture) => until('readiness', () => fixture.gateway.readiness().every(({ ok }) => ok))
const pidOf = async (fixture: Pick<Fixture, 'dataDir'>): Promise<number> =>
  Number(await readFile(join(fixture.dataDir, 'nats/server.pid'), 'utf8'))
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
async function directory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'moorline-nats-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

test('nats-server killed with kill -9 comes back empty, and agents, orders and revocations work again', async (t) => {
  const fixture = await startFixture()
  t.teardown(() => fixture.close())
  await isReady(fixture)
  const [agent, revoked] = [await fixture.agent(), await fixture.agent()]
  const connection = await fixture.natsConnect(agent)
  await connection.request(fromAgent.hello(agent.agentId), hello)
  await fixture.gateway.revoke(revoked.agentId)
  for (let round = 1; round <= 3; round += 1) {
    const pid = await pidOf(fixture)
    process.kill(pid, 'SIGKILL')
    await until('the hub to notice', () => fixture.gateway.stats().natsRestarts === round)
    const start = performance.now()
    await isReady(fixture)
    t.true(performance.now() - start < 5000)
    t.not(await pidOf(fixture), pid)
  }
  t.truthy(await connection.closed().then(() => true))
  const again = await fixture.natsConnect(agent)
  await again.request(fromAgent.hello(agent.agentId), hello)
  await t.throwsAsync(fixture.natsConnect(revoked))
  await again.close()
})

test('a connection that ends with the server is reported, and order errors say so at once', async (t) => {
  const fixture = await startFixture()
  t.teardown(() => fixture.close())
  await isReady(fixture)
  const agent = await fixture.agent()
  const connection = await fixture.natsConnect(agent)
  connection.subscribe(`hub.${agent.agentId}.task`)
  await connection.flush()
  const order = fixture.gateway.sendOrder(agent.agentId, 'task', fixture.pki.taskSigner.sign(Buffer.from('x')), 30_000)
  process.kill(await pidOf(fixture), 'SIGKILL')
  t.regex(String(await t.throwsAsync(order)), /connection to the NATS server has ended/)
  await until('the disconnect', () => fixture.recorded.disconnected.includes(agent.agentId))
})

test('closing the gateway leaves no process, and a start after it finds everything', async (t) => {
  const fixture = await startFixture()
  await isReady(fixture)
  const agent = await fixture.agent()
  const revoked = await fixture.agent()
  const pid = await pidOf(fixture)
  await fixture.gateway.close()
  t.false(isAlive(pid))
  const second = await startFixture({ dataDir: fixture.dataDir })
  t.teardown(() => second.close())
  await isReady(second)
  const connection = await second.natsConnect(agent)
  await connection.request(fromAgent.hello(agent.agentId), hello)
  await connection.close()
  // This gateway has never seen the agent: what to revoke is on disk.
  await second.gateway.revoke(revoked.agentId)
  await t.throwsAsync(second.natsConnect(revoked))
  t.true((await readFile(join(second.dataDir, 'nats/revocations.json'), 'utf8')).includes(revoked.nats.getPublicKey()))
})

const holder = fileURLToPath(new URL('./holder.ts', import.meta.url))

test('a hub killed with kill -9 leaves no nats-server behind', async (t) => {
  const dataDir = await directory(t)
  const hub = spawn(process.execPath, [holder, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => hub.stdout.once('data', resolve))
  const pid = await pidOf({ dataDir })
  t.true(isAlive(pid))
  hub.kill('SIGKILL')
  if (await exists('/usr/bin/setpriv')) await until('the server to end with the hub', () => !isAlive(pid))
  const next = await startFixture({ dataDir })
  t.false(isAlive(pid))
  await next.close()
})

test('a server that was left behind is ended by its own configuration, a stranger with its pid is not', async (t) => {
  const path = await directory(t)
  const [config, pidFile] = [join(path, 'server.conf'), join(path, 'server.pid')]
  const start = (argument: string) => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', argument], { stdio: 'ignore' })
  const [ours, stranger] = [start(config), start(`${config}.other`)]
  t.teardown(() => stranger.kill('SIGKILL'))
  await writeFile(pidFile, `${stranger.pid}\n`)
  t.is(await endStaleServer(pidFile, config, systemClock), undefined)
  t.true(isAlive(stranger.pid ?? 0))
  await until('the command line', async () => (await readFile(`/proc/${ours.pid}/cmdline`, 'utf8')).includes(config))
  await writeFile(pidFile, String(ours.pid))
  t.is(await endStaleServer(pidFile, config, systemClock), ours.pid)
  for (const text of ['', '0', '1', '-1', 'x', '99999999999']) {
    await writeFile(pidFile, text)
    t.is(await endStaleServer(pidFile, config, systemClock), undefined)
  }
})

test('a server that cannot start is an error with a next step, not a loop', async (t) => {
  const dataDir = await directory(t)
  const error = await t.throwsAsync(startFixture({ dataDir, natsServerBinary: '/bin/false' }), { instanceOf: OperatorError })
  t.is(error.code, 'NatsNotStarted')
  const missing = await t.throwsAsync(startFixture({ dataDir, natsServerBinary: '/nowhere/nats-server' }), { instanceOf: OperatorError })
  t.is(missing.code, 'NatsServerMissing')
})

test('damaged NATS keys and revocations are errors, and nothing is made anew', async (t) => {
  const fixture = await startFixture()
  await isReady(fixture)
  await fixture.gateway.revoke((await fixture.agent()).agentId)
  await fixture.gateway.close()
  t.teardown(() => rm(fixture.dataDir, { recursive: true, force: true }))
  const open = () =>
    createGateway({
      pki: fixture.pki,
      dataDir: fixture.dataDir,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    } as unknown as GatewayOptions)
  for (const [name, code] of [
    ['keys.json', 'NatsKeysDamaged'],
    ['revocations.json', 'RevocationsDamaged'],
  ] as const) {
    const path = join(fixture.dataDir, 'nats', name)
    const content = await readFile(path)
    await writeFile(path, content.subarray(0, content.length / 2))
    t.is((await t.throwsAsync(open(), { instanceOf: OperatorError })).code, code)
    if (name === 'keys.json') {
      await rm(path)
      t.is((await t.throwsAsync(open(), { instanceOf: OperatorError })).code, code)
    }
    await writeFile(path, content)
  }
})

test('an external server with the exported configuration serves the same agents, and learns revocations, also those it missed', async (t) => {
  const first = await startFixture()
  const missed = await first.agent()
  await first.gateway.close()
  const serverDirectory = await directory(t)
  const exported = await readFile(join(first.dataDir, 'nats/external.conf'), 'utf8')
  await writeFile(join(serverDirectory, 'fleet.conf'), exported.replace('/var/lib/nats/accounts', join(serverDirectory, 'accounts')))
  await writeFile(
    join(serverDirectory, 'server.conf'),
    `listen: "127.0.0.1:-1"\nports_file_dir: "${serverDirectory}"\ninclude "fleet.conf"\n`,
  )

  // Nobody listens on the reserved port 1: the server is away.
  const away = await startFixture({ dataDir: first.dataDir, natsUrl: 'nats://127.0.0.1:1' })
  await away.gateway.revoke(missed.agentId)
  t.like(
    away.gateway.readiness().find(({ name }) => name === 'nats-revocations'),
    { ok: false },
  )
  await away.gateway.close()

  const external = spawn('/usr/sbin/nats-server', ['-c', join(serverDirectory, 'server.conf')], { stdio: 'ignore' })
  t.teardown(() => external.kill('SIGKILL'))
  const portsFile = join(serverDirectory, `nats-server_${external.pid}.ports`)
  const ports = await until('the external server', () => readFile(portsFile, 'utf8'))
  const fixture = await startFixture({ dataDir: first.dataDir, natsUrl: `nats://127.0.0.1:${/:(\d+)"/.exec(ports)?.[1]}` })
  t.teardown(() => fixture.close())
  await isReady(fixture)
  await t.throwsAsync(fixture.natsConnect(missed))
  const agent = await fixture.agent()
  const connection = await fixture.natsConnect(agent)
  await connection.request(fromAgent.hello(agent.agentId), hello)
  await fixture.gateway.revoke(agent.agentId)
  await t.throwsAsync(fixture.natsConnect(agent))
  const wrong = await t.throwsAsync(startFixture({ dataDir: first.dataDir, natsUrl: 'http://x' }), { instanceOf: OperatorError })
  t.is(wrong.code, 'NatsUrlInvalid')
})
