// The API server behind the whole path, as a process of its own: a small list, and exec that says one word. Argument: a file with the
// certificate and key, as JSON. Its first message is the port.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const pod = (index: number) => ({
  metadata: { name: `pod-${index}`, namespace: 'default', uid: `uid-${index}`, resourceVersion: String(index), labels: { app: 'bench' } },
  spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'example/image' }] },
  status: { phase: 'Running', podIP: `10.0.0.${index}` },
})
const list = JSON.stringify({
  ...{ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' } },
  items: Array.from({ length: 20 }, (_, index) => pod(index)),
})

const tls = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as { key: string; cert: string }
const server = createServer(tls, (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(list) }).end(list)
})
server.on('upgrade', (request, socket) => {
  socket.on('error', () => socket.destroy())
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n` +
      'Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n',
  )
  // A binary frame on channel 1, which is the program's output.
  socket.write(Buffer.from([0x82, 3, 1, 0x6f, 0x6b]))
  socket.resume()
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }))
process.once('disconnect', () => process.exit())
