// node relay.ts NAMESPACE ADDRESS PORT TARGET-PORT: what connects to ADDRESS:PORT in the namespace reaches 127.0.0.1:TARGET-PORT of this
// machine. A child in the namespace listens and hands the socket over, so that no address of the bed is ever routed outside of it.
import { spawn } from 'node:child_process'
import { connect, createServer, type Server } from 'node:net'
import { splice } from '#shared/tunnel/splice.ts'

const [namespace = '', address = '', port = '', targetPort = ''] = process.argv.slice(2)

if (namespace === '-') {
  const server = createServer()
  server.listen(Number(port), address, () => process.send?.('listening', server, () => process.exit(0)))
} else {
  const inside = [process.execPath, import.meta.filename, '-', address, port, targetPort]
  const child = spawn('nsenter', [`--net=${namespace}`, '--', ...inside], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  child.once('message', (_message, listening) => {
    createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (outer) => {
      const inner = connect({ host: '127.0.0.1', port: Number(targetPort), allowHalfOpen: true, noDelay: true })
      // Without a hub the agents see what they would see of a hub that is down: a connection that ends.
      splice(outer, inner)
      outer.resume()
    }).listen(listening as Server)
  })
  child.once('exit', (code) => {
    if (code !== 0) process.exit(1)
  })
}
