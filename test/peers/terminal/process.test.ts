// Hub and agent as processes of their own: the machine's policy, the audit log, revocation, and the end of either.
import { mkdir, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { membersOf } from '#agent/host/process-session.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { type Client, kindPath } from '#test/faults/client.ts'
import { startTestAgent, type TestAgent } from '#test/helpers/agent.ts'
import { type ExecClient, type ExecOptions, ExecRefused } from '#test/helpers/exec-client.ts'
import { until } from '#test/helpers/until.ts'
import { type Site, startSite } from '#test/integration/site.ts'

const limitMs = 5_000

interface Started {
  site: Site
  agent: TestAgent
  name: string
  client: Client
  exec(options?: Partial<ExecOptions>): Promise<ExecClient>
  setPolicy(terminal: object | undefined): Promise<void>
}

async function start(t: ExecutionContext, terminal?: object): Promise<Started> {
  const site = await startSite(t)
  const stateDir = join(site.directory, 'agent')
  await mkdir(stateDir, { mode: 0o700 })
  const setPolicy = (part: object | undefined) =>
    writeFile(join(stateDir, 'policy.json'), JSON.stringify({ allowedActions: ['facts'], ...(part && { terminal: part }) }), {
      mode: 0o600,
    })
  await setPolicy(terminal)
  const agent = await startTestAgent(t, site.hub, { stateDir, env: { CANARY_OF_AGENT: 'canary-of-the-agent' } })
  const client = site.client()
  const { name } = agent.machine.metadata
  return {
    ...{ site, agent, name, client, setPolicy },
    async exec(options = {}) {
      const opened = await site.exec(name, options)
      t.teardown(() => opened.socket.terminate())
      return opened
    },
  }
}

const own = { user: userInfo().username, shell: '/bin/sh' }
const rowsOf = async (client: Client) =>
  (await client.ask('GET', `${kindPath}/auditevents`)).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { user: string; resource: string; name: string; result: string; detail?: string; decision: string })
    .filter((row) => row.resource === 'Machine/exec')

/** Until the hub has seen that the agent has come, with a terminal, or that it has gone. */
const sees = (what: 'connected' | 'gone', client: Client, name: string) =>
  until(`the machine to be ${what}`, async () => {
    const { status } = (await client.ask('GET', `${kindPath}/machines/${name}`)).json<Machine>()
    const isConnected = status?.conditions?.some(({ type, status: is }) => type === 'Connected' && is === 'True') === true
    return what === 'gone' ? !isConnected : isConnected && status?.tunnelTargets?.includes('terminal')
  })

/** The session of a shell: its leader's pid. */
async function leaderOf(client: ExecClient): Promise<number> {
  client.send('echo leader=$$.\n')
  return Number(/leader=(\d+)\./.exec(await client.has(/leader=\d+\./))?.[1])
}
const isGone = (leader: number) =>
  until('every process of the session to end', async () => (await membersOf(leader)).length === 0, { timeoutMs: limitMs })

test('a machine whose policy says nothing of terminals refuses, says what to write, and allows when it is written', async (t) => {
  const { exec, setPolicy, agent, name, client } = await start(t)
  const refused = await t.throwsAsync<ExecRefused>(exec({ command: ['id'] }), { instanceOf: ExecRefused })
  t.is(refused.status, 403)
  t.regex(JSON.parse(refused.body).message, /policy does not allow terminals.*"terminal": \{ "user": "root" \}/)
  t.like(JSON.parse(refused.body), { details: { causes: [{ reason: 'TerminalNotAllowed' }] } })
  const inside = await exec({ tty: true, protocol: 'v1.terminal.moorline.dev' })
  t.like((await inside.ended).status, { code: 403, reason: 'Forbidden' })
  await setPolicy(own)
  await agent.stop()
  await sees('gone', client, name)
  await agent.start()
  await sees('connected', client, name)
  const done = await exec({ command: ['sh', '-c', 'id -un; env'] })
  t.is((await done.ended).status?.status, 'Success')
  const [user, ...environment] = done.output().trim().split('\n')
  t.is(user, own.user)
  const names = environment.map((line) => line.split('=')[0] ?? '').toSorted((a, b) => a.localeCompare(b))
  t.deepEqual(names, ['HOME', 'LANG', 'LOGNAME', 'PATH', 'PWD', 'SHELL', 'USER'])
  const rows = await rowsOf(client)
  const results = rows.map(({ result, decision }) => `${result} ${decision}`)
  t.deepEqual(results, ['403 deny', '101 allow', 'Ended allow', '101 allow', 'Ended allow'])
  t.true(rows.every((row) => row.name === name && row.user !== ''))
  t.regex(rows.at(-2)?.detail ?? '', /^terminal without tty: sh -c id -un; env$/)
  t.regex(rows.at(-1)?.detail ?? '', /after \d+\.\d s: the program ended with exit code 0$/)
})

test('revoking the token or the machine, and stopping the agent, end a terminal with everything in it', async (t) => {
  const { exec, agent, name, client, site } = await start(t, own)
  const revoke = { 'content-type': 'application/merge-patch+json' }
  const shell = async (token?: string) => {
    const opened = await exec({ tty: true, ...(token && { token }) })
    const leader = await leaderOf(opened)
    opened.send('sleep 1000 &\nnohup sleep 1001 >/dev/null 2>&1 &\n(trap "" HUP; sleep 1002) &\necho star""ted\n')
    // What is typed is echoed too.
    await opened.has('started')
    t.true((await membersOf(leader)).length >= 4)
    return { opened, leader }
  }

  // A token of its own.
  await site.apply({
    apiVersion: 'moorline.dev/v1alpha1',
    kind: 'AccessBinding',
    metadata: { name: 'other' },
    spec: { role: 'admin', subjects: [{ kind: 'User', name: 'other' }] },
  })
  const made = (
    await client.ask('POST', `${kindPath}/accesstokens`, {
      body: { apiVersion: 'moorline.dev/v1alpha1', kind: 'AccessToken', metadata: { name: 'other' }, spec: { user: 'other' } },
    })
  ).json<{ status: { token: string } }>()
  const first = await shell(made.status.token)
  const beforeMs = performance.now()
  await client.ask('DELETE', `${kindPath}/accesstokens/other`)
  await first.opened.ended
  t.true(performance.now() - beforeMs <= limitMs)
  await isGone(first.leader)

  const second = await shell()
  await agent.stop()
  t.like((await second.opened.ended).status, { details: { causes: [{ reason: 'AgentStopping' }] } })
  await isGone(second.leader)

  await sees('gone', client, name)
  await agent.start()
  await sees('connected', client, name)
  const third = await shell()
  const revokedMs = performance.now()
  await client.ask('PATCH', `${kindPath}/machines/${name}`, { headers: revoke, body: { spec: { revoked: true } } })
  t.like((await third.opened.ended).status, { details: { causes: [{ reason: 'Disconnected' }] } })
  t.true(performance.now() - revokedMs <= limitMs)
  await isGone(third.leader)
  const refused = await t.throwsAsync<ExecRefused>(exec(), { instanceOf: ExecRefused })
  t.is(refused.status, 409)
})

test('a hub that stops says so, and what ran ends', async (t) => {
  const { exec, site } = await start(t, own)
  const opened = await exec({ tty: true })
  const leader = await leaderOf(opened)
  const startedMs = performance.now()
  await site.hub.stop()
  // Terminals end by being told to: the time that open streams have is not waited for.
  t.true(performance.now() - startedMs <= limitMs)
  t.like((await opened.ended).status, { details: { causes: [{ reason: 'HubStopping' }] } })
  await isGone(leader)
})
