import { once } from 'node:events'
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { createProcedures, emptyMetadata, status } from '#agent/link/grpc.ts'
import { connectionWindowBytes, streamWindowBytes } from '#agent/link/grpc-windows.ts'
import { IdentityServiceClient } from '#proto/moorline/v1/procedures.ts'
import { openPki } from '#hub/pki/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

test('a real peer negotiates wide windows with the agent, not the defaults of HTTP/2 or grpc-js', async (t) => {
  const pki = await openPki({ dataDir: await tempDir(t), names: ['localhost'], clock: systemClock })
  const sessions: ServerHttp2Session[] = []
  const server = createSecureServer({ ...pki.agentTls, ALPNProtocols: ['h2'] })
  server.on('session', (session) => sessions.push(session))
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const procedures = createProcedures({
    hub: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    clock: systemClock,
    tls: () => ({ servername: serverNames.grpc, trust: { fleetCa: pki.fleetCaPem, pins: pki.pins } }),
    onError: (error) => t.log(error.message),
  })
  t.teardown(async () => {
    procedures.close()
    for (const session of sessions) session.destroy()
    server.close()
    await once(server, 'close')
  })
  const code = await new Promise((resolve) =>
    procedures
      .client(IdentityServiceClient)
      .renew({ csr: Buffer.alloc(0), natsPublicKey: '', machineFingerprint: '' }, emptyMetadata(), {}, (error) => resolve(error?.code)),
  )
  t.is(code, status.UNIMPLEMENTED)
  const [session] = sessions
  t.is(sessions.length, 1)
  t.is(session?.remoteSettings.initialWindowSize, streamWindowBytes)
  // The connection window has no setting: it is what the peer has announced with WINDOW_UPDATE.
  await until('the connection window', () => (session?.state.remoteWindowSize ?? 0) > streamWindowBytes)
  t.is(session?.state.remoteWindowSize, connectionWindowBytes)
})
