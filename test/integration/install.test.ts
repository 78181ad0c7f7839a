// The one-line command as the hub shows it, run by a shell on a machine made of a directory, and the links to the dashboard.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { createOwner } from '#test/faults/owner.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { agentWrapper, createMachine } from '#test/hub/api/install/hub.ts'
import { type Site, startRun, startSite } from './site.ts'

const owner = createOwner()
let site: Site

test.before(async () => {
  const artifacts = await tempDir(owner)
  await mkdir(artifacts, { recursive: true })
  await writeFile(join(artifacts, 'moorline-agent-linux-x64'), agentWrapper, { mode: 0o755 })
  site = await startSite(owner, { hubArgs: ['--artifacts-dir', artifacts] })
})
test.after.always(() => owner.close())

test.serial('the shown command installs an agent that asks, and its service connects once it is approved', async (t) => {
  const token = await site.joinToken({ ttlSeconds: 600 })
  const command = token.status?.installCommand ?? ''
  const machine = await createMachine(t)
  const ran = await machine.sh(command)
  t.is(ran.code, 0, ran.stderr)
  const fingerprint = /fingerprint +((?:[0-9a-f]{4} ){15}[0-9a-f]{4})/.exec(ran.stdout)?.[1]
  const [pending] = JSON.parse(await site.kubectl('get', 'machines', '-o', 'json')).items as Machine[]
  const name = pending?.metadata.name ?? ''
  t.is(pending?.status?.phase, 'Pending')
  t.is(pending?.status?.enrollment?.fingerprint, fingerprint)
  t.false((await machine.calls()).includes(token.status?.token ?? '-'), 'the token is in no argument')
  await site.kubectl('patch', 'machine', name, '--type=merge', '-p', '{"spec":{"approved":true}}')
  // The unit's ExecStart, on this machine's directory.
  const agent = await startRun(t, { stateDir: join(machine.root, 'var/lib/moorline-agent') })
  t.regex(await site.kubectl('wait', '--for=condition=Connected', `machine/${name}`, '--timeout=30s'), /condition met/)
  t.is((await agent.stop()).code, 0)

  const again = await machine.sh((await site.joinToken({ ttlSeconds: 600 })).status?.installCommand ?? '')
  t.is(again.code, 0, again.stderr)
  t.is(JSON.parse(await site.kubectl('get', 'machines', '-o', 'json')).items.length, 1, 'it has an identity already')
})

test.serial('login-link prints a link that signs in once', async (t) => {
  const run = async (dataDir: string) => {
    const program = await startProgram(t, process.execPath, ['hub/main.ts', 'login-link', '--data', dataDir, '--listen', site.hub.listen], {
      cwd: repositoryRoot,
    })
    const { code } = await program.exited
    return { code, stdout: program.stdout().trim(), stderr: program.stderr() }
  }
  const { code, stdout, stderr } = await run(site.hub.dataDir)
  t.is(code, 0, stderr)
  const link = new URL(stdout)
  t.is(link.origin, site.hub.url)
  const body = { code: new URLSearchParams(link.hash.slice(1)).get('code') }
  const statuses: number[] = []
  for (let i = 0; i < 2; i++) statuses.push((await site.client().ask('POST', '/auth/login', { body, token: null })).status)
  t.deepEqual(statuses, [200, 401])
  const elsewhere = await run(await tempDir(t))
  t.is(elsewhere.code, 1)
  t.regex(elsewhere.stderr, /NoAdminKubeconfig[\s\S]*--data/)
})
