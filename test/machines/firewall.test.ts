// The site is what the other tests believe it to be: one port out, nothing in.
import test from 'ava'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { testBed } from './bed/for-tests.ts'
import { runOn, tryOn } from './bed/machine.ts'
import { firewalled, hubAddress, hubPort, rulesOf, setFirewall } from './bed/network.ts'
import { tryCommand } from '#scripts/dev/command.ts'

const bed = testBed()

async function listenAt(port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.end('hello\n'))
  server.listen(port, hubAddress)
  await once(server, 'listening')
  return async () => {
    server.close()
    await once(server, 'close')
  }
}

const dialFromMachine = (port: number) => tryOn(bed, 'w1', ['socat', '-u', `TCP:${hubAddress}:${port},connect-timeout=2`, '-'])

test.serial("a machine reaches the hub's one port and no other, and nothing while the cable is cut", async (t) => {
  const closers = [await listenAt(hubPort), await listenAt(hubPort + 1)]
  t.teardown(async () => {
    await setFirewall(bed, firewalled)
    await Promise.all(closers.map((close) => close()))
  })
  t.is((await dialFromMachine(hubPort)).stdout, 'hello\n')
  t.not((await dialFromMachine(hubPort + 1)).code, 0)
  await setFirewall(bed, { ...firewalled, exit: 'cut' })
  t.not((await dialFromMachine(hubPort)).code, 0)
  await setFirewall(bed, { ...firewalled, exit: 'proxy-only' })
  t.not((await dialFromMachine(hubPort)).code, 0)
})

test.serial('nobody outside dials in: not the API server, not SSH, not the kubelet', async (t) => {
  for (const port of [22, 6443, 10_250]) {
    const inside = await tryOn(bed, 'w1', ['socat', '-u', '/dev/null', `TCP:10.77.0.11:${port},connect-timeout=2`])
    t.is(inside.code, 0, `${port} answers inside: ${inside.stderr}`)
    const outside = await tryCommand('socat', ['-u', '/dev/null', `TCP:10.77.0.11:${port},connect-timeout=2`])
    t.not(outside.code, 0, `${port} from outside`)
  }
  t.teardown(() => setFirewall(bed, firewalled))
  await setFirewall(bed, { ...firewalled, open: [6443] })
  t.is((await tryCommand('socat', ['-u', '/dev/null', 'TCP:10.77.0.11:6443,connect-timeout=2'])).code, 0)
})

test.serial('the machines know no resolver and no route but the firewall', async (t) => {
  t.is(await runOn(bed, 'w1', ['cat', '/etc/resolv.conf']), '')
  t.regex(await runOn(bed, 'w1', ['ip', 'route', 'get', '192.0.2.1']), /via 10\.77\.0\.1/)
  t.not((await tryOn(bed, 'w1', ['socat', '-u', '/dev/null', 'TCP:192.0.2.1:443,connect-timeout=2'])).code, 0)
})

test('rules leave nothing established when the cable is cut', (t) => {
  const forward = (rules: string) => rules.slice(rules.indexOf('chain forward'), rules.indexOf('chain input'))
  t.notRegex(forward(rulesOf({ exit: 'cut', open: [22] })), /accept/)
  t.regex(forward(rulesOf(firewalled)), /established,related accept/)
})
