// The service behind every carrier. The first byte of a connection says what it is for.
import { createServer } from 'node:net'

const block = Buffer.alloc(256 * 1024)

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on('error', () => {
    // The driver breaks connections off when it has seen enough.
  })
  socket.once('data', (first: Buffer) => {
    const rest = first.subarray(1)
    switch (String.fromCharCode(first[0] as number)) {
      // Down: as much as is taken.
      case 'D': {
        const go = (): void => {
          while (!socket.destroyed && socket.write(block));
        }
        socket.on('drain', go)
        go()
        break
      }
      // A mebibyte, and then silence.
      case 'M': {
        for (let count = 0; count < 4; count++) socket.write(block)
        break
      }
      // Up: counts, and answers with bytes and milliseconds from the first to the last.
      case 'U': {
        let bytes = rest.length
        const startMs = performance.now()
        socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
        socket.on('end', () => socket.end(JSON.stringify({ bytes, tookMs: performance.now() - startMs })))
        break
      }
      default:
        socket.write(first)
        socket.pipe(socket)
    }
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }))
process.once('disconnect', () => process.exit())
