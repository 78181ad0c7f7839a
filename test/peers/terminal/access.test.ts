// Who gets a terminal: every caller there is, with every protocol, on a machine that is there and on one that is not.
import test from 'ava'
import { ExecRefused } from '#test/helpers/exec-client.ts'
import { manifest } from '#test/hub/api/fixture.ts'
import { startTerminalSite } from './site.ts'

const protocols = ['v4.channel.k8s.io', 'v5.channel.k8s.io', 'v1.terminal.moorline.dev', 'v1.channel.k8s.io', '']

test('without credentials, with wrong ones and with each lesser role nothing is opened', async (t) => {
  const site = await startTerminalSite(t)
  await site.resources.create('Cluster', manifest('Cluster', 'two', { type: 'Registered' }))
  const nobody = { 'no credentials': undefined, 'a token that never was': 'mla_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }
  const lesser = {
    'no role': await site.tokenFor(undefined),
    viewer: await site.tokenFor('viewer'),
    operator: await site.tokenFor('operator'),
    'viewer of its cluster': await site.tokenFor('viewer', 'one'),
    'operator of its cluster': await site.tokenFor('operator', 'one'),
  }
  const elsewhere = { 'admin of another cluster': await site.tokenFor('admin', 'two') }
  const before = (await site.store.audit(0, 1_000)).length
  let asked = 0
  const isRefused = async (callers: Record<string, string | undefined>, status: number, machine: string) => {
    for (const [name, token] of Object.entries(callers))
      for (const protocol of protocols) {
        const refused = await t.throwsAsync<ExecRefused>(site.exec({ token, machine, protocol, command: ['true'] }), {
          instanceOf: ExecRefused,
        })
        t.is(refused.status, status, `${name}: ${machine} ${protocol}`)
        t.is(JSON.parse(refused.body).kind, 'Status')
        if (status === 403) asked += 1
      }
  }
  for (const machine of ['one', 'none']) {
    await isRefused(nobody, 401, machine)
    await isRefused(lesser, 403, machine)
  }
  await isRefused(elsewhere, 403, 'one')
  t.is(site.fleet.tunnels.stats().opened, 0)
  t.is(site.terminal.sessions(), 0)
  const rows = (await site.store.audit(0, 1_000)).slice(before).filter(({ resource }) => resource === 'Machine/exec')
  t.true(rows.every(({ decision }) => decision === 'deny'))
  t.is(rows.filter(({ result }) => result === '403').length, asked)
  // Rows of nobody are limited by rate, so that they cannot fill the disk.
  t.true(rows.some(({ user, result }) => user === 'system:anonymous' && result === '401'))
})

test('an admin, everywhere or of the machine’s cluster, is let in', async (t) => {
  const site = await startTerminalSite(t)
  for (const token of [site.adminToken, await site.tokenFor('admin'), await site.tokenFor('admin', 'one')])
    for (const protocol of protocols.slice(0, 3)) {
      const client = await site.exec({ token, protocol, command: ['true'] })
      t.is((await client.ended).status?.status, 'Success')
    }
})
