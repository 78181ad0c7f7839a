import { createServer } from 'node:net'
import { connect } from 'node:tls'

/** The ClientHello that Node's own TLS sends. */
export async function realHello(
  servername: string,
  ALPNProtocols: string[],
  maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): Promise<Buffer> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const bytes = new Promise<Buffer>((resolve) =>
    server.once('connection', (socket) => socket.once('data', (data) => resolve(Buffer.from(data)))),
  )
  const client = connect({ host: '127.0.0.1', port, servername, ALPNProtocols, maxVersion })
  client.on('error', () => {})
  const hello = await bytes
  client.destroy()
  server.close()
  return hello
}
