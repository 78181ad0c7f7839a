import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { membersOf } from '#agent/host/process-session.ts'
import { type ExecClient, type ExecOptions, ExecRefused } from '#test/helpers/exec-client.ts'
import { until } from '#test/helpers/until.ts'
import { manifest } from '#test/hub/api/fixture.ts'
import { startTerminalSite } from './site.ts'

test('a program without a terminal: both outputs apart, its exit code at the end', async (t) => {
  const site = await startTerminalSite(t)
  const client = await site.exec({ command: ['sh', '-c', 'echo out; echo err >&2; cat; exit 3'] })
  client.send('typed')
  client.message(255, Buffer.from([0]))
  const { code, status } = await client.ended
  t.is(code, 1000)
  t.is(client.output(1), 'out\ntyped')
  t.is(client.output(2), 'err\n')
  t.like(status, { status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '3' }] } })
})

test('a shell in a terminal: it echoes, knows its size, and takes another one', async (t) => {
  const site = await startTerminalSite(t)
  const client = await site.exec({ tty: true, query: { columns: '101', rows: '33' } })
  client.send('stty size; tty; echo $TERM\n')
  // Typed ahead, so its output may stand behind a prompt.
  const first = await client.has(/33 101\r\n\/dev\/pts\/\d+\r\nxterm-256color\r\n/)
  t.true(first.includes('stty size'))
  client.message(4, JSON.stringify({ Width: 77, Height: 22 }))
  client.send('stty size\n')
  await client.has('22 77\r\n')
  client.send('exit 0\n')
  const { status } = await client.ended
  t.is(status?.status, 'Success')
})

test('what a program does not read waits at its sender, and what it writes meanwhile arrives', async (t) => {
  const site = await startTerminalSite(t)
  const client = await site.exec({ command: ['cat'] })
  const sent = Buffer.alloc(8 * 1024 * 1024, 'line of sixty-four bytes, which is sent until there are 8 MiB of it\n')
  for (let at = 0; at < sent.length; at += 32 * 1024) client.send(sent.subarray(at, at + 32 * 1024))
  client.message(255, Buffer.from([0]))
  t.is((await client.ended).status?.status, 'Success')
  t.true(client.bytes().equals(sent))
})

test('every process of the session ends with its shell, those that ignore the hang-up too', async (t) => {
  const site = await startTerminalSite(t)
  const client = await site.exec({ tty: true })
  client.send(`nohup sleep 1001 >/dev/null 2>&1 & (trap '' HUP; sleep 1002) & sleep 1003 & echo leader=$$.\n`)
  const leader = Number(/leader=(\d+)\./.exec(await client.has(/leader=\d+\./))?.[1])
  t.true((await membersOf(leader)).length >= 4)
  client.send('exit\n')
  await client.ended
  t.deepEqual(await membersOf(leader), [])
  t.is(site.terminal.sessions(), 0)
})

test('the policy’s limits: programs, sessions, idle time', async (t) => {
  const site = await startTerminalSite(t, { policy: { commands: ['/bin/sh', 'sleep', 'cat'], sessions: 1, idleSeconds: 5 } })
  const refusal = async (options: Partial<ExecOptions>) =>
    JSON.parse((await t.throwsAsync<ExecRefused>(site.exec(options), { instanceOf: ExecRefused })).body)
  t.like(await refusal({ tty: true }), { code: 403, details: { causes: [{ reason: 'CommandNotAllowed' }] } })
  t.like(await refusal({ command: ['ls'] }), { code: 403, details: { causes: [{ reason: 'CommandNotAllowed' }] } })
  const startedMs = performance.now()
  const client = await site.exec({ command: ['sleep', '1000'] })
  t.like(await refusal({ command: ['cat'] }), { code: 429, details: { causes: [{ reason: 'TooManySessions' }] } })
  t.like((await client.ended).status, { details: { causes: [{ reason: 'Idle' }] } })
  t.true(performance.now() - startedMs >= 4_900)
  t.is((await site.exec({ command: ['cat'], stdin: false })).socket.readyState, 1)
})

test('a user that is unknown, and one whom the agent is not, are refused; another one has his own groups', async (t) => {
  const unknown = await startTerminalSite(t, { policy: { user: 'nobody-of-this-name' } })
  const error = await t.throwsAsync<ExecRefused>(unknown.exec({ command: ['id'] }), { instanceOf: ExecRefused })
  t.like(JSON.parse(error.body), { code: 409, details: { causes: [{ reason: 'UserUnknown' }] } })
  if (process.getuid?.() !== 0) return t.log('the rest needs root')
  const site = await startTerminalSite(t, { policy: { user: 'nobody' }, environment: { CANARY: 'a-secret-of-the-agent' } })
  const client = await site.exec({ command: ['sh', '-c', 'id -u; id -G; env; ls -l /proc/self/fd; umask; cat /proc/self/oom_score_adj'] })
  await client.ended
  const [uid, groups] = client.output().split('\n')
  t.is(uid, '65534')
  t.false(groups?.split(' ').includes('0'))
  t.false(client.output().includes('a-secret-of-the-agent'))
  t.regex(client.output(), /\n0022\n0\n$/)
  // The agent's own connections and files stay its own: what the process has of sockets is its three streams.
  const sockets = [...client.output().matchAll(/ (\d+) -> socket:/g)].map(([, fd]) => fd)
  t.deepEqual(sockets, ['0', '1', '2'])
})

test('a recording plays what was on the screen, and no key that was not', async (t) => {
  const site = await startTerminalSite(t, { policy: { recording: 'always' } })
  const client = await site.exec({ tty: true })
  client.send('stty -echo; echo o""ff\n')
  await client.has('off')
  client.send('secret=canary-password\n')
  client.send('echo got ${#secret} letters; exit\n')
  await client.ended
  const [name = ''] = await readdir(site.folder)
  const text = await readFile(join(site.folder, name), 'utf8')
  const played = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as [number, string, string])
    .filter(([, code]) => code === 'o')
    .map(([, , data]) => data)
    .join('')
  t.is(played, client.output())
  t.true(played.includes('got 15 letters'))
  t.false(text.includes('canary-password'))
})

test('a session that cannot be recorded any more is ended', async (t) => {
  const site = await startTerminalSite(t, { policy: { recording: 'always' }, limits: { sessionBytes: 20_000, folderBytes: 100_000 } })
  const client = await site.exec({ command: ['yes'] })
  t.like((await client.ended).status, { details: { causes: [{ reason: 'RecordingFull' }] } })
})

test('a client that breaks the rules is closed, and what ran for it is ended', async (t) => {
  const site = await startTerminalSite(t)
  const breakings: ((client: ExecClient) => void)[] = [
    (client) => client.socket.send('text'),
    (client) => client.message(9, 'x'),
    (client) => client.message(4, '{"Width":"80"}'),
    (client) => client.message(4, '{"Width":80,"Height":24,"__proto__":{}}'),
    (client) => client.message(5, Buffer.from([0, 0, 0, 1])),
    (client) => client.message(0, Buffer.alloc(1024 * 1024 + 1)),
  ]
  for (const doWrong of breakings) {
    const client = await site.exec({ command: ['sleep', '1000'] })
    doWrong(client)
    const { code } = await client.ended
    t.true([1003, 1008, 1009].includes(code), `${code}`)
  }
  const own = await site.exec({ tty: true, protocol: 'v1.terminal.moorline.dev' })
  own.message(5, Buffer.from([0x7f, 0xff, 0xff, 0xff]))
  t.is((await own.ended).code, 1008)
  await until('every session to end', () => site.terminal.sessions() === 0)
})

test('what is asked for wrongly is refused before anything runs', async (t) => {
  const site = await startTerminalSite(t)
  const refusal = async (options: Partial<ExecOptions>) =>
    (await t.throwsAsync<ExecRefused>(site.exec(options), { instanceOf: ExecRefused })).status
  t.is(await refusal({ protocol: 'v1.channel.k8s.io' }), 400)
  t.is(await refusal({ protocol: '' }), 400)
  t.is(await refusal({ command: [''] }), 400)
  t.is(await refusal({ query: { columns: '0' } }), 400)
  t.is(await refusal({ query: { term: 'x y' } }), 400)
  t.is(await refusal({ machine: 'none' }), 404)
  for (const role of ['viewer', 'operator'] as const) t.is(await refusal({ token: await site.tokenFor(role) }), 403, role)
  await site.resources.create('Cluster', manifest('Cluster', 'two', { type: 'Registered' }))
  t.is(await refusal({ token: await site.tokenFor('admin', 'two') }), 403)
  const client = await site.exec({ token: await site.tokenFor('admin', 'one'), command: ['true'] })
  t.is((await client.ended).status?.status, 'Success')
  site.alive.clear()
  t.is(await refusal({}), 504)
})
