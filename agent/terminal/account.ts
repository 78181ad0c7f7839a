// Who a terminal runs as: the line of passwd(5), from the file or from where else the machine keeps its users.
import type { Host } from '#agent/host/types.ts'

export interface Account {
  name: string
  uid: number
  gid: number
  home: string
  shell: string
}

export async function findAccount(name: string, host: Pick<Host, 'readText' | 'run'>): Promise<Account | undefined> {
  const local = accountIn((await host.readText('/etc/passwd', { maxBytes: 16 * 1024 * 1024 })) ?? '', name)
  if (local) return local
  const { exitCode, stdout } = await host.run('getent', ['passwd', name], { timeoutMs: 5_000 })
  return exitCode === 0 ? accountIn(stdout, name) : undefined
}

export function accountIn(passwd: string, name: string): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [user, , uid = '', gid = '', , home = '', shell = ''] = line.split(':')
    if (user !== name || !/^[0-9]{1,10}$/.test(uid) || !/^[0-9]{1,10}$/.test(gid)) continue
    return {
      name,
      uid: Number(uid),
      gid: Number(gid),
      home: home.startsWith('/') ? home : '/',
      shell: shell.startsWith('/') ? shell : '/bin/sh',
    }
  }
  return undefined
}
