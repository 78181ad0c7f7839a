// Which host key a machine's server may show: the first one is remembered before anything secret is sent, another one is refused until an
// operator has compared it. The same machine at another address is asked for its key anew.
import type { Machine } from '#shared/contract/machine.ts'
import type { Resources } from '#hub/resources/types.ts'
import { TaskFailure } from '#hub/controllers/task/performed/types.ts'

/** Set on a Machine by an operator who has compared the new key: this fingerprint is remembered at the next connection. */
export const acceptHostKeyAnnotation = 'moorline.dev/accept-ssh-host-key'

export function serverOf(ssh: NonNullable<Machine['spec']['ssh']>): string {
  return `${ssh.host}:${ssh.port ?? 22}`
}

/** True when the key has been remembered just now. @throws TaskFailure HostKeyChanged */
export async function pinHostKey(resources: Resources, machine: Machine, fingerprint: string): Promise<boolean> {
  const { name, uid } = machine.metadata
  let verdict: 'known' | 'new' | { pinned: string } = 'known'
  await resources.modify<Machine>(
    'Machine',
    name,
    (current) => {
      const { ssh } = current.spec
      if (!ssh || current.metadata.uid !== uid) return undefined
      const server = serverOf(ssh)
      const known = current.status?.ssh
      const pinned = known?.server === server ? known.hostKey : undefined
      if (pinned === fingerprint) return undefined
      if (pinned && current.metadata.annotations?.[acceptHostKeyAnnotation] !== fingerprint) {
        verdict = { pinned }
        return undefined
      }
      verdict = 'new'
      return { ...current, status: { ...current.status, ssh: { ...known, hostKey: fingerprint, server } } }
    },
    { subresource: 'status' },
  )
  // The assignments happen in a callback, which the compiler does not see.
  const found = verdict as 'known' | 'new' | { pinned: string }
  if (typeof found === 'object')
    throw new TaskFailure(
      'HostKeyChanged',
      `the server shows the host key ${fingerprint}, remembered is ${found.pinned}; nothing secret was sent. Compare it with the machine's own ` +
        `(ssh-keygen -lf on its console); if it is right: kubectl annotate machine ${name} ${acceptHostKeyAnnotation}=${fingerprint} --overwrite, then raise spec.attempt`,
    )
  return found === 'new'
}
