// Debian trees: the base that all machines share, and overlays over it in which something is built. Nothing is installed on this machine.
import { existsSync } from 'node:fs'
import { glob, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '#scripts/dev/command.ts'
import type { Bed } from './bed.ts'
import { run, step } from './shell.ts'

const suite = 'bookworm'

/** What the machines run, and what the images are made of. */
const packages = [
  ...['systemd-sysv', 'dbus', 'iproute2', 'procps', 'kmod', 'util-linux', 'mount', 'ca-certificates', 'curl', 'zstd', 'sudo'],
  ...['openssh-server', 'iputils-ping', 'containerd', 'runc', 'containernetworking-plugins', 'iptables', 'nftables', 'conntrack'],
  ...['socat', 'ebtables', 'ethtool', 'ipset', 'etcd-server', 'etcd-client', 'docker-registry', 'openssl', 'bsdutils'],
]
/** Enabled by their packages; a machine of the bed starts what it needs itself, or has no use for it. */
const maskedUnits = [
  ...['etcd.service', 'docker-registry.service', 'nftables.service', 'systemd-networkd.service', 'systemd-resolved.service'],
  ...['systemd-timesyncd.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer'],
  ...['fstrim.timer', 'dev-hugepages.mount', 'dev-mqueue.mount', 'sys-kernel-debug.mount', 'sys-kernel-tracing.mount'],
]
const stamp = `${suite} ${packages.join(' ')} / ${maskedUnits.join(' ')}\n`

export const baseOf = (bed: Bed): string => join(bed.cache, 'base')

/** Two minutes the first time. Put in place by a rename, so that an interrupted build is never taken for a tree. */
export async function ensureBase(bed: Bed): Promise<string> {
  const base = baseOf(bed)
  const stampFile = join(bed.cache, 'base.stamp')
  if (existsSync(base) && (await readIfThere(stampFile)) === stamp) return base
  await step(bed, 'building the base tree of the machines (debootstrap, about 2 minutes, once)', async () => {
    const partial = `${base}.partial`
    await Promise.all([base, partial, stampFile].map((path) => rm(path, { recursive: true, force: true })))
    await mkdir(bed.cache, { recursive: true })
    const mirror = await mirrorOf()
    await run('debootstrap', '--variant=minbase', '--include=ca-certificates', suite, partial, mirror)
    await writeFile(join(partial, 'etc/apt/sources.list'), ['deb', 'deb-src'].map((type) => `${type} ${mirror} ${suite} main\n`).join(''))
    await installInTree(partial, packages)
    for (const unit of maskedUnits) {
      const path = join(partial, 'etc/systemd/system', unit)
      await rm(path, { force: true })
      await symlink('/dev/null', path)
    }
    await writeFile(join(partial, 'etc/machine-id'), 'uninitialized\n')
    for await (const key of glob('etc/ssh/ssh_host_*', { cwd: partial })) await rm(join(partial, key))
    await rename(partial, base)
    await writeFile(stampFile, stamp)
  })
  return base
}

/** No daemon starts in a chroot. */
export async function installInTree(tree: string, names: readonly string[]): Promise<void> {
  const policy = join(tree, 'usr/sbin/policy-rc.d')
  await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  await writeFile(join(tree, 'etc/resolv.conf'), await readFile('/etc/resolv.conf'))
  const apt = (...args: string[]) => runInTree(tree, ['apt-get', '-qq', ...args])
  await apt('update')
  await apt('install', '-y', '--no-install-recommends', ...names)
  await apt('clean')
  await rm(policy)
}

export function runInTree(tree: string, command: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }
  return runCommand('chroot', [tree, ...command], { env })
}

const sources = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']

/** The mirror that this machine's own apt uses. */
async function mirrorOf(): Promise<string> {
  for (const file of sources) {
    const match = /^(?:URIs:|deb)\s+(https?:\/\/[^\s]+\/debian\/?)(?:\s|$)/m.exec(await readIfThere(file))
    if (match?.[1]) return match[1]
  }
  throw new Error(`no Debian mirror is named in ${sources.join(' or ')}; the test bed needs a Debian with its own apt sources`)
}

async function readIfThere(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
}
