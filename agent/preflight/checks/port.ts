import { ownerOf } from '../listeners.ts'
import { type Check, fail, pass, type Role, unknown } from '../types.ts'

/** kubeadm binds the port to find out; here the kernel's table of listeners is read, which no other program can notice. */
export function portFree(port: number, user: string, roles?: readonly Role[]): Check {
  return {
    id: `Port-${port}`,
    group: 'kubeadm',
    severity: 'error',
    roles,
    expected: `TCP port ${port} is free for ${user}`,
    source: 'kubeadm PortOpenCheck',
    async run({ host, machine }) {
      const listeners = await machine.listeners()
      if (listeners === undefined) return unknown('/proc/net/tcp cannot be read', `Look at \`ss -ltnp sport = :${port}\` yourself.`)
      const taken = listeners.find((listener) => listener.port === port)
      if (taken === undefined) return pass('free')
      const owner = await ownerOf(host, taken.inode)
      return fail(
        `in use by ${owner ?? 'a process that cannot be seen from here'}`,
        `Stop what listens there: \`ss -ltnp sport = :${port}\` names it.`,
      )
    },
  }
}
