// F-38 on the way that the hub dials itself: metadata services and link-local addresses, in any spelling, by name, by a second answer of
// DNS and through a proxy.
import test from 'ava'
import { dial } from '#hub/dial/dial.ts'
import { systemClock as clock } from '#shared/clock/clock.ts'
import { listen } from '#test/helpers/tcp.ts'
import { causesOf, startImportSite } from '#test/peers/imported/site.ts'

test('F-38: no cluster is imported from a metadata service, whatever its address is written like', async (t) => {
  const site = await startImportSite(t)
  await site.create('Credential', 'token', { type: 'Token', data: { token: 'a.b.c' } })
  for (const host of ['169.254.169.254', '0xa9fea9fe', '2852039166', '[::ffff:169.254.169.254]', '[fe80::1]', '[fd00:ec2::254]', '0.0.0.0'])
    for (const proxy of [undefined, { url: 'http://127.0.0.1:1' }]) {
      const refused = await site.create('Cluster', 'one', { type: 'Imported', credentialRef: 'token', apiServer: `https://${host}`, proxy })
      t.is(refused.status, 422, host)
      t.regex(causesOf(refused).join(), /^spec\.apiServer: .*never dials/, host)
    }
})

test('F-38: a name is resolved once, and a resolver that changes its mind changes nothing', async (t) => {
  const port = await listen(t, () => {
    // Whoever connects is let wait.
  })
  const answers = [['127.0.0.1'], ['169.254.169.254']]
  const resolve = async () => answers.shift() ?? []
  const socket = await dial({ host: 'rebinding.test', port, clock, resolve })
  t.is(socket.remoteAddress, '127.0.0.1')
  socket.destroy()
  await t.throwsAsync(dial({ host: 'rebinding.test', port, clock, resolve }), { code: 'AddressForbidden' })
  t.deepEqual(answers, [])
})
