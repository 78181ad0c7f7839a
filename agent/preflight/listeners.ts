// TCP ports that something listens on, from /proc/net/tcp and tcp6: nothing is bound to find out.
import type { Host } from '#agent/host/types.ts'

export interface Listener {
  port: number
  inode: string
}

const listenState = '0A'
const maxTableBytes = 16 * 1024 * 1024

/** undefined when the kernel shows no table. */
export async function readListeners(host: Host): Promise<Listener[] | undefined> {
  const [ipv4, ipv6] = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => host.readText(path, { maxBytes: maxTableBytes })),
  )
  if (ipv4 === undefined) return undefined
  return [...parseListeners(ipv4), ...parseListeners(ipv6 ?? '')]
}

/** Columns: sl local_address rem_address st … uid timeout inode; the port is hexadecimal behind the colon. */
export function parseListeners(text: string): Listener[] {
  const listeners: Listener[] = []
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    if (fields[3] !== listenState) continue
    listeners.push({ port: Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16), inode: fields[9] ?? '' })
  }
  return listeners
}

/** Name and pid of the process that has the socket, undefined when it cannot be seen (other user, other namespace). */
export async function ownerOf(host: Host, inode: string): Promise<string | undefined> {
  const pids = ((await host.list('/proc')) ?? []).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    const descriptors = (await host.list(`/proc/${pid}/fd`).catch(() => undefined)) ?? [] // Another user's process is closed to us.
    for (const descriptor of descriptors) {
      const target = await host.readLink(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined) // Closed meanwhile.
      if (target === `socket:[${inode}]`) return `${(await host.readText(`/proc/${pid}/comm`))?.trim() ?? 'process'} (pid ${pid})`
    }
  }
  return undefined
}
