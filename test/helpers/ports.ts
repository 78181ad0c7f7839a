import { createServer, type AddressInfo } from 'node:net'

/**
 * A TCP port of 127.0.0.1 that nothing listens on now. Only for programs that cannot listen on port 0 and say which one
 * they got: another process may take it before they do.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
