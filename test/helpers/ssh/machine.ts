// A machine with Debian's own sshd and sudo: the files of this one under an overlay of its own, in namespaces of its own, with users that
// exist nowhere else. Everything that is written there is in the overlay's upper folder, so that a test can say what was left behind.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import { type Program, startProgram } from '../processes.ts'
import { until } from '../until.ts'
import { isOpen } from './reach.ts'
import { treeOf } from './tree.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface SshMachineOptions {
  /** Further lines of sshd_config. */
  sshd?: readonly string[]
  /** Shell text that runs inside as root before sshd: mounts, files. */
  prepare?: string
  /** A network namespace to be in, instead of this one. */
  network?: string
  port?: number
}

export interface SshMachine {
  host: string
  port: number
  /** Of all users: root, ops (sudo without password), asks (sudo with it), plain (no sudo). */
  password: string
  /** Private keys that all users accept; the second one opens with `passphrase`. */
  key: string
  encryptedKey: string
  passphrase: string
  hostKey(): string
  /** Path on this machine of a file that was written there. */
  path(inside: string): string
  /** Runs a shell text as root inside. */
  sh(script: string): string
  /** What has been written there, but for what the tests themselves use. */
  tree(): Map<string, string>
  agentLog(): string
  stop(): Promise<void>
  start(): Promise<void>
  /** Another host key from the next connection on. */
  changeHostKey(): Promise<void>
}

const users = { ops: 2101, asks: 2102, plain: 2103 }

export async function startSshMachine(owner: Owner, options: SshMachineOptions = {}): Promise<SshMachine> {
  const base = join(tmpdir(), `moorline-ssh-${process.pid}-${randomBytes(4).toString('hex')}`)
  const [upper, work, root] = ['upper', 'work', 'root'].map((name) => join(base, name)) as [string, string, string]
  for (const folder of [upper, work, root]) mkdirSync(folder, { recursive: true })
  owner.teardown(() => rm(base, { recursive: true, force: true, maxRetries: 5 }))
  const password = `canary-${randomBytes(12).toString('hex')}`
  const passphrase = `canary-${randomBytes(12).toString('hex')}`
  const port = options.port ?? (await freePort())
  const put = (path: string, text: string, mode = 0o644) => {
    mkdirSync(join(upper, path, '..'), { recursive: true })
    writeFileSync(join(upper, path), text, { mode })
  }
  const keyOf = (name: string, phrase: string) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', phrase, '-f', join(base, name)])
    return { secret: readFileSync(join(base, name), 'utf8'), open: readFileSync(join(base, `${name}.pub`), 'utf8') }
  }
  const makeHostKey = () => {
    const path = join(upper, 'etc/ssh/test_host_key')
    execFileSync('sh', ['-c', `rm -f ${path} ${path}.pub; mkdir -p ${join(upper, 'etc/ssh')}; ssh-keygen -q -t ed25519 -N '' -f ${path}`])
  }
  const key = keyOf('key', '')
  const encrypted = keyOf('encrypted', passphrase)
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' }).trim()
  const accounts = ['root:x:0:0:root:/root:/bin/sh', 'sshd:x:2100:65534::/run/sshd:/usr/sbin/nologin', 'nobody:x:65534:65534::/:/bin/false']
  const shadow = [`root:${hash}:19000:0:99999:7:::`, 'sshd:*:19000:0:99999:7:::', 'nobody:*:19000:0:99999:7:::']
  for (const [name, id] of Object.entries(users)) {
    accounts.push(`${name}:x:${id}:${id}::/home/${name}:/bin/sh`)
    shadow.push(`${name}:${hash}:19000:0:99999:7:::`)
  }
  put('etc/passwd', `${accounts.join('\n')}\n`)
  put('etc/shadow', `${shadow.join('\n')}\n`, 0o600)
  put(
    'etc/group',
    `root:x:0:\n${Object.entries(users)
      .map(([name, id]) => `${name}:x:${id}:`)
      .join('\n')}\nnogroup:x:65534:\n`,
  )
  put('etc/sudoers.d/moorline-test', 'ops ALL=(ALL) NOPASSWD: ALL\nasks ALL=(ALL) ALL\n', 0o440)
  put('etc/ssh/test_keys', key.open + encrypted.open)
  put('usr/bin/systemctl', readFileSync(new URL('./systemctl.sh', import.meta.url), 'utf8'), 0o755)
  const config = [
    ...['HostKey /etc/ssh/test_host_key', `ListenAddress 127.0.0.1:${port}`, 'PidFile none', 'UsePAM no', 'PermitRootLogin yes'],
    ...['PasswordAuthentication yes', 'AuthorizedKeysFile /etc/ssh/test_keys', 'StrictModes no', 'LogLevel VERBOSE', 'MaxStartups 100'],
    ...(options.sshd ?? []),
  ]
  put('etc/ssh/test_config', `${config.join('\n')}\n`)
  makeHostKey()

  const setUp = [
    `mount -t overlay overlay -o lowerdir=/,upperdir=${upper},workdir=${work} ${root}`,
    `mount --rbind /dev ${root}/dev`,
    `mount -t proc proc ${root}/proc`,
    `mount -t tmpfs -o mode=755 tmpfs ${root}/run`,
    `mkdir -p ${root}/run/sshd ${root}/run/systemd/system ${root}/run/test ${root}/home/ops ${root}/home/asks ${root}/home/plain`,
    `mkdir -p ${root}/var/tmp ${root}/tmp && chmod 1777 ${root}/var/tmp ${root}/tmp`,
    options.prepare ? `chroot ${root} sh -eu <<'END_OF_PREPARE'\n${options.prepare}\nEND_OF_PREPARE` : ':',
    `exec chroot ${root} /usr/sbin/sshd -D -e -f /etc/ssh/test_config`,
  ].join('\n')
  let program: Program | undefined
  let inner = 0
  const start = async () => {
    const own = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private', 'sh', '-euc', setUp]
    const [command, args] = options.network ? ['ip', ['netns', 'exec', options.network, 'unshare', ...own]] : ['unshare', own]
    const started = await startProgram(owner, command as string, args as string[])
    program = started
    // After that of the program was registered, so before it: the first process of a namespace takes no SIGTERM.
    owner.teardown(stop)
    await until('sshd to listen', async () => {
      if (!started.isRunning()) throw new Error(`the machine ended: ${started.stderr().slice(-2000)}`)
      return isOpen(port, options.network)
    })
    inner = Number(readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8').trim().split(' ')[0])
  }
  const stop = async () => {
    program?.kill('SIGKILL')
    await program?.exited
    await until('the namespaces to be gone', () => !existsSync(`/proc/${inner}`))
  }
  await start()
  const sh = (script: string) =>
    execFileSync('nsenter', ['-t', String(inner), '-m', '-p', '-n', 'chroot', root, 'sh', '-c', script], { encoding: 'utf8' })
  return {
    host: '127.0.0.1',
    ...{ port, password, passphrase, key: key.secret, encryptedKey: encrypted.secret },
    hostKey: () => execFileSync('ssh-keygen', ['-lf', join(upper, 'etc/ssh/test_host_key.pub')], { encoding: 'utf8' }).split(' ')[1] ?? '',
    path: (inside) => join(upper, inside),
    sh,
    tree: () => treeOf(upper),
    agentLog: () => sh('cat /run/test/agent.log 2>/dev/null || true'),
    start,
    stop,
    async changeHostKey() {
      await stop()
      makeHostKey()
      await start()
    },
  }
}
