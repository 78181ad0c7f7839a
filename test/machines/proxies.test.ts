// A site whose only way out is a proxy: everything of the agent goes through it, kubectl included.
import test from 'ava'
import { createOwner } from '#test/faults/owner.ts'
import { testBed } from './bed/for-tests.ts'
import { fabricAddress, firewalled, hubAddress, hubPort, setFirewall } from './bed/network.ts'
import { tryIn } from './bed/shell.ts'
import { proxyKinds, startProxy } from './proxy.ts'
import { startMachinesSite, startPods } from './site.ts'

const bed = testBed()

for (const kind of proxyKinds) {
  test.serial(`kubectl works on a cluster behind an ${kind} proxy with credentials, and nothing goes past it`, async (t) => {
    t.timeout(300_000)
    const owner = createOwner()
    try {
      const { url, username, password } = await startProxy(owner, bed, kind, { part: 'fabric', address: fabricAddress, leadsTo: hubPort })
      const proxy = new URL(url)
      ;[proxy.username, proxy.password] = [username, password]
      owner.teardown(() => setFirewall(bed, firewalled))
      await setFirewall(bed, { exit: 'proxy-only', open: [] })
      const site = await startMachinesSite(owner, { agentEnv: { MOORLINE_PROXY: proxy.href } })
      await startPods(owner, site, [{ name: 'box', command: ['sleep', 'infinity'] }])
      const admin = await site.user('admin')
      t.is(await admin.run(['get', 'nodes', '-o', 'name']), 'node/c1\nnode/w1\n')
      t.is(await admin.run(['exec', '-i', 'box', '--', 'cat'], { stdin: 'through the proxy' }), 'through the proxy')
      const direct = await tryIn(bed, 'w1', ['socat', '-u', '/dev/null', `TCP:${hubAddress}:${hubPort},connect-timeout=2`])
      t.not(direct.code, 0, 'there is no way past the proxy')
    } finally {
      await owner.close()
    }
  })
}
