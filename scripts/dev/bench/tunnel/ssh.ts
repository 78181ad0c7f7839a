// `ssh -R` of Debian's openssh with its defaults: the server is the hub's end, the client the agent's. Own configuration and keys in
// a temporary directory, a free port on loopback; nothing of the machine's own ssh is used.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { descendants, type StartCarrier, stop } from './carrier.ts'

export const startSsh: StartCarrier = async ({ targetPort, line }) => {
  const directory = mkdtempSync(join(tmpdir(), 'moorline-bench-ssh-'))
  const file = (name: string): string => join(directory, name)
  for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)])
  copyFileSync(file('user.pub'), file('authorized'))
  const port = await freePort()
  const forwarded = await freePort()
  writeFileSync(
    file('config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${file('host')}`,
      `AuthorizedKeysFile ${file('authorized')}`,
      `PidFile ${file('pid')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'PermitRootLogin prohibit-password',
      'MaxStartups 1000',
    ].join('\n'),
  )
  // Where sshd wants to lock its children up; Debian's service makes it.
  mkdirSync('/run/sshd', { recursive: true })
  const server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file('config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  server.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await listening(port, server, () => said)
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', `UserKnownHostsFile=${file('known')}`, 'ExitOnForwardFailure=yes']
  const client = spawn(
    'ssh',
    [
      ...['-N', '-F', 'none', '-i', file('user'), '-p', String(await line(port)), '-R', `127.0.0.1:${forwarded}:127.0.0.1:${targetPort}`],
      ...options.flatMap((option) => ['-o', option]),
      `${userInfo().username}@127.0.0.1`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  client.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await listening(forwarded, client, () => said)
  return {
    async open() {
      const socket = connect({ host: '127.0.0.1', port: forwarded, noDelay: true, allowHalfOpen: true })
      await once(socket, 'connect')
      return socket
    },
    pids: () => [...descendants(server.pid as number), client.pid as number],
    // The last one is the process without privileges, which carries the data.
    ends: () => ({ hub: descendants(server.pid as number).at(-1) ?? 0, agent: client.pid as number }),
    async close() {
      await stop(client)
      await stop(server)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port: number, child: ChildProcess, said: () => string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} has ended: ${said()}`)
    const socket = connect({ host: '127.0.0.1', port })
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await delay(100)
  }
  throw new Error(`${child.spawnfile} does not listen on ${port}: ${said()}`)
}
