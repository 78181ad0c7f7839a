// A site whose only way out is a proxy: everything of the agent goes through it, kubectl included.
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import test from 'ava'
import { createOwner } from '#test/faults/owner.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { testBed } from './bed/for-tests.ts'
import { fabricAddress, firewalled, hubAddress, proxyPorts, setFirewall } from './bed/network.ts'
import { inNamespace, tryIn } from './bed/shell.ts'
import { startMachinesSite, startPods } from './site.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const bed = testBed()

interface Proxy {
  port: number
  scheme: string
  command(folder: string): Promise<string[]>
}

const proxies: Readonly<Record<string, Proxy>> = {
  SOCKS5: {
    port: proxyPorts.socks5,
    scheme: 'socks5',
    command: async () => ['microsocks', '-i', fabricAddress, '-p', String(proxyPorts.socks5), '-u', 'site', '-P', 'pass-word'],
  },
  'HTTP CONNECT': {
    port: proxyPorts.connect,
    scheme: 'http',
    async command(folder) {
      const config = join(folder, 'tinyproxy.conf')
      const lines = [
        `Listen ${fabricAddress}`,
        `Port ${proxyPorts.connect}`,
        'BasicAuth site pass-word',
        'ConnectPort 8443',
        'LogLevel Warning',
      ]
      await writeFile(config, `${lines.join('\n')}\n`)
      return ['tinyproxy', '-d', '-c', config]
    },
  },
}

for (const [name, { port, scheme, command }] of Object.entries(proxies)) {
  test.serial(`kubectl works on a cluster behind an ${name} proxy with credentials, and nothing goes past it`, async (t) => {
    t.timeout(300_000)
    const owner = createOwner()
    try {
      const [program = '', ...args] = inNamespace(bed, 'fabric', await command(await tempDir(t)))
      const proxy = await startProgram(owner, program, args)
      await until('the proxy to listen', async () => {
        if (!proxy.isRunning()) throw new Error(proxy.stderr())
        return (await tryIn(bed, 'fabric', ['socat', '-u', '/dev/null', `TCP:${fabricAddress}:${port}`])).code === 0
      })
      owner.teardown(() => setFirewall(bed, firewalled))
      await setFirewall(bed, { exit: 'proxy-only', open: [] })
      const site = await startMachinesSite(owner, { agentEnv: { MOORLINE_PROXY: `${scheme}://site:pass-word@${fabricAddress}:${port}` } })
      await startPods(owner, site, [{ name: 'box', command: ['sleep', 'infinity'] }])
      const admin = await site.user('admin')
      t.is(await admin.run(['get', 'nodes', '-o', 'name']), 'node/c1\nnode/w1\n')
      t.is(await admin.run(['exec', '-i', 'box', '--', 'cat'], { stdin: 'through the proxy' }), 'through the proxy')
      const direct = await tryIn(bed, 'w1', ['socat', '-u', '/dev/null', `TCP:${hubAddress}:8443,connect-timeout=2`])
      t.not(direct.code, 0, 'there is no way past the proxy')
    } finally {
      await owner.close()
    }
  })
}
