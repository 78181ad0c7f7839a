// The whole path through real proxies that ask for a password: join, connect, run a task.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type RunningProxy, startMicrosocks, startTinyproxy } from '#test/agent/link/proxies.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startTestAgent } from '#test/helpers/agent.ts'
import { agentCommand, type Site, startEnroll, startSite, taskObject } from '#test/integration/site.ts'

const owner = createOwner()
let site: Site

test.before(async () => {
  site = await startSite(owner)
})
test.after.always(() => owner.close())

async function joinThrough(t: ExecutionContext, scheme: string, proxy: RunningProxy): Promise<void> {
  const urlWith = (password: string) => `${scheme}://${proxy.username}:${encodeURIComponent(password)}@${proxy.host}:${proxy.port}`
  // Loopback is not proxied unless the proxy is explicit; the environment of the test must not exempt it.
  const envWith = (password: string) => ({ MOORLINE_PROXY: urlWith(password), NO_PROXY: '', no_proxy: '' })
  const wrongDir = join(site.directory, `${scheme}-wrong`)
  const token = await site.joinToken({ approval: 'Automatic', ttlSeconds: 600 })
  const wrong = await startEnroll(owner, site.hub.listen, token, {
    stateDir: wrongDir,
    args: ['--no-wait'],
    env: envWith('not-the-password'),
  })
  t.is((await wrong.exited).code, 1)
  t.regex(wrong.stderr(), /prox/i)
  t.regex(wrong.stderr(), /authenticat|credential|password|407/i)
  t.false((wrong.stderr() + wrong.stdout()).includes('not-the-password'))

  const stateDir = join(site.directory, scheme)
  await mkdir(stateDir, { mode: 0o700 })
  await writeFile(join(stateDir, 'policy.json'), JSON.stringify({ allowedActions: ['exec'] }), { mode: 0o600 })
  const agent = await startTestAgent(owner, site.hub, { stateDir, env: envWith(proxy.password) })
  const machine = agent.machine.metadata.name
  await site.apply(
    taskObject(`through-${scheme}`, { machine, action: 'exec', input: { command: ['/bin/sh', '-c', 'echo "proxy=$MOORLINE_PROXY"'] } }),
  )
  t.is((await site.finished(`through-${scheme}`)).status?.state, 'Succeeded')
  const log = await site.kubectl('get', '--raw', `/apis/moorline.dev/v1alpha1/tasks/through-${scheme}/log`)
  t.is(log, 'proxy=\n', 'a program of a task does not see the password')
  t.true(proxy.log().includes(String(site.hub.port)), 'the proxy was asked for the hub')
  const status = await agentCommand(owner, 'status', '--state-dir', stateDir)
  t.is(status.code, 0)
  t.regex(status.stdout, new RegExp(`proxy ${scheme.replace('socks5', 'socks5')}://${proxy.username}:\\*\\*\\*@`))
  const secret = encodeURIComponent(proxy.password)
  t.false((status.stdout + agent.program().stderr()).includes(secret))
  await agent.stop()
}

test.serial('SOCKS5 with user name and password', async (t) => joinThrough(t, 'socks5', await startMicrosocks(t)))
test.serial('HTTP CONNECT with Basic credentials', async (t) => joinThrough(t, 'http', await startTinyproxy(t)))
