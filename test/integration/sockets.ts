// The sockets on which a process accepts connections, from /proc.
import { readdir, readFile, readlink } from 'node:fs/promises'

const listenState = '0A'
/** SO_ACCEPTCON (include/uapi/linux/net.h), as /proc/net/unix prints the flags. */
const acceptFlag = 0x10000

/** One line for each listening TCP or UNIX socket, and each UDP socket that takes datagrams from anybody. */
export async function listeningSockets(pid: number): Promise<string[]> {
  const own = new Set<string>()
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(goneIsEmpty)
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
    if (inode) own.add(inode)
  }
  const found: string[] = []
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
    for (const line of (await readFile(`/proc/net/${table}`, 'utf8')).split('\n').slice(1)) {
      const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/)
      const accepts = table.startsWith('tcp') ? state === listenState : remote.endsWith(':0000')
      if (accepts && own.has(inode)) found.push(`${table} ${local}`)
    }
  }
  for (const line of (await readFile('/proc/net/unix', 'utf8')).split('\n').slice(1)) {
    const [, , , flags = '0', , , inode = '', path = ''] = line.trim().split(/\s+/)
    if ((Number.parseInt(flags, 16) & acceptFlag) !== 0 && own.has(inode)) found.push(`unix ${path}`)
  }
  return found
}

/** A descriptor may be closed between the listing and the read. */
function goneIsEmpty(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
