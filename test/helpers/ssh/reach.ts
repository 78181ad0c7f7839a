// Whether a port on loopback answers, here or in a network namespace.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { promisify } from 'node:util'

export async function isOpen(port: number, network?: string): Promise<boolean> {
  if (network) {
    const script = `exec 3<>/dev/tcp/127.0.0.1/${port}`
    return promisify(execFile)('ip', ['netns', 'exec', network, 'bash', '-c', script]).then(
      () => true,
      () => false,
    )
  }
  const socket = createConnection({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
