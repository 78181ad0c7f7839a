// A watch may have nothing to say for hours, and a shell nobody who types. No time limit of ours ends what is open and silent: not the
// web server's, the pool's of the hub, the tunnel's or the agent's. Their longest is 65 s (keep-alive of HTTP/1.1 between requests;
// the web server's idle time is shortened here to two seconds); this waits for longer than any, with real clocks, and then all are used.
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { tunnelLimits } from '#shared/contract/tunnel.ts'
import { idleConnectionMs } from '#hub/clusters/client.ts'
import { until } from '#test/helpers/until.ts'
import { podEvent } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { startKubeSite } from '#test/tunnel/kube-proxy/site.ts'

const silentMs = 75_000
const watchPath = '/api/v1/namespaces/default/pods?watch=true'

test('watches and upgraded streams that say nothing for longer than every idle time are open and work', async (t) => {
  t.timeout(180_000)
  t.true(silentMs > Math.max(idleConnectionMs, tunnelLimits.idleMs, tunnelLimits.silenceMs, 65_000))
  const site = await startKubeSite(t, { httpLimits: { headersTimeoutMs: 2_000, bodyTimeoutMs: 2_000, idleTimeoutMs: 2_000 } })
  const token = await site.tokenFor('admin', 'one')
  const authorization = `Bearer ${token}`
  const target = { host: '127.0.0.1', port: site.port, ca: site.ca, agent: false as const }

  const session = connectHttp2(`https://${site.host}`, { ca: site.ca })
  t.teardown(() => session.destroy())
  const over2 = session.request({ ':path': site.at(watchPath), authorization })
  await once(over2, 'response')
  const over1 = await new Promise<Readable>((resolve, reject) => {
    const asked = httpsRequest({ ...target, path: site.at(watchPath), headers: { authorization } }, resolve)
    asked.on('error', reject).end()
  })
  const upgrade = (protocol: string) =>
    new Promise<Duplex>((resolve, reject) => {
      const headers = { authorization, connection: 'Upgrade', upgrade: protocol, 'sec-websocket-key': 'a', 'sec-websocket-version': '13' }
      const asked = httpsRequest({ ...target, path: site.at('/api/v1/namespaces/default/pods/one/exec?tty=true'), headers })
      asked.on('upgrade', (_response, socket) => resolve(socket))
      asked.on('error', reject).end()
    })
  const upgraded = [await upgrade('websocket'), await upgrade('SPDY/3.1')]

  const heard = new Map<Readable, string>()
  for (const stream of [over1, over2, ...upgraded]) {
    heard.set(stream, '')
    stream.on('data', (chunk) => heard.set(stream, `${heard.get(stream)}${String(chunk)}`))
    stream.on('error', (error) => t.fail(`a stream has failed: ${error.message}`))
    stream.once('close', () => isOver || t.fail('a stream was ended'))
  }
  let isOver = false
  await until('all of them to be open', () => site.kube.watches() === 2 && upgraded.every((stream) => heard.get(stream)?.includes('first')))

  await delay(silentMs)

  t.is(site.kube.watches(), 2)
  site.kube.emit(podEvent('ADDED', 'late', 99))
  for (const socket of upgraded) socket.write('late')
  await until('all of them to be heard', () => [...heard.values()].every((text) => text.includes('late')))
  t.like(site.fleet.tunnels.stats(), { lost: 0 })
  isOver = true
  for (const stream of heard.keys()) stream.destroy()
})
