// One setup at a time per checkout. The lock is an abstract unix socket: the kernel gives it up with the process that
// held it, however that ended, so there is no stale lock to judge.
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'

/** Runs `work` while no other process of this checkout does. `onWait` is called once when another one is at it. */
export async function withLock(root, onWait, work) {
  const path = `\0moorline-setup-${createHash('sha256').update(root).digest('hex').slice(0, 24)}`
  let isWaiting = false
  for (;;) {
    const server = await tryListen(path)
    if (server) {
      try {
        return await work()
      } finally {
        for (const socket of server.waiting) socket.destroy()
        server.close()
      }
    }
    if (!isWaiting) onWait()
    isWaiting = true
    await released(path)
  }
}

function tryListen(path) {
  return new Promise((resolve, reject) => {
    const waiting = new Set()
    const server = createServer((socket) => {
      waiting.add(socket)
      socket.on('error', () => waiting.delete(socket))
    })
    server.waiting = waiting
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(path, () => resolve(server))
  })
}

/** The holder never writes; its socket ends when the lock is free. A refused connection means that it just became free. */
function released(path) {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
    socket.resume()
  })
}
