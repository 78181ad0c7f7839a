// A machine in memory: files, programs and probes as a test says, nothing else.
import { dirname } from 'node:path'
import type { Probes } from '#agent/host/probes.ts'
import type { FileInfo, FilesystemInfo, Host, ProcessResult } from '#agent/host/types.ts'
import { createMachine } from '#agent/preflight/machine.ts'
import { toRow } from '#agent/preflight/row.ts'
import { targetOf } from '#agent/preflight/target.ts'
import type { Check } from '#agent/preflight/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { PreflightInput } from '#shared/contract/actions.ts'
import type { PreflightRow } from '#shared/contract/preflight.ts'

/** A file's content, a link, a socket, or an error that reading it gives. Directories exist by what is in them, or as `{ directory: true }`. */
export type FakeFile = string | Buffer | { link: string } | { socket: true } | { directory: true } | { error: string }

export interface FakeMachine {
  files?: Record<string, FakeFile>
  /** By name: the result, or one that depends on the arguments. A program that is not here is missing. */
  programs?: Record<string, Partial<ProcessResult> | ((args: readonly string[]) => Partial<ProcessResult>)>
  filesystem?: (path: string) => FilesystemInfo
  probes?: Partial<Probes>
  uid?: number
  environment?: Record<string, string>
}

const nothing: ProcessResult = { exitCode: null, signal: null, stdout: '', stderr: '', isTimedOut: false, isMissing: false }
const unexpected = (what: string) => (): never => {
  throw new Error(`the check did ${what}, which the test does not expect`)
}

export function fakeHost(machine: FakeMachine): Host {
  const files = new Map(Object.entries(machine.files ?? {}))
  const directories = new Map<string, Set<string>>()
  for (const [path, file] of files) {
    if (typeof file === 'object' && 'directory' in file) directories.set(path, directories.get(path) ?? new Set())
    for (let at = path; at !== '/'; at = dirname(at)) {
      const parent = dirname(at)
      directories.set(parent, (directories.get(parent) ?? new Set()).add(at.slice(parent === '/' ? 1 : parent.length + 1)))
    }
  }
  const readBytes = async (path: string): Promise<Buffer | undefined> => {
    const file = files.get(path)
    if (typeof file === 'string') return Buffer.from(file)
    if (Buffer.isBuffer(file) || file === undefined) return file
    if ('error' in file) throw Object.assign(new Error(`${file.error}: ${path}`), { code: file.error })
    return 'link' in file ? readBytes(file.link) : undefined
  }
  return {
    readBytes,
    readText: async (path) => (await readBytes(path))?.toString('utf8'),
    async readLink(path) {
      const file = files.get(path)
      return typeof file === 'object' && 'link' in file ? file.link : undefined
    },
    async info(path) {
      const file = files.get(path)
      if (file === undefined && !directories.has(path)) return undefined
      const isKind = (kind: string) => typeof file === 'object' && kind in file
      const info: FileInfo = {
        isFile: typeof file === 'string' || Buffer.isBuffer(file),
        isDirectory: directories.has(path),
        isSymlink: isKind('link'),
        isSocket: isKind('socket'),
        sizeBytes: typeof file === 'string' ? file.length : 0,
        mode: 0o644,
        uid: 0,
        gid: 0,
        modifiedMs: 0,
        device: 1,
        inode: 1,
      }
      return info
    },
    list: async (path) => {
      const names = directories.get(path)
      return names && [...names].sort()
    },
    filesystem: async (path) => (machine.filesystem ?? unexpected('look at a filesystem'))(path),
    which: async (program) => (machine.programs?.[program] ? `/usr/bin/${program}` : undefined),
    async run(program, args) {
      const canned = machine.programs?.[program]
      if (canned === undefined) return { ...nothing, isMissing: true }
      return { ...nothing, exitCode: 0, ...(typeof canned === 'function' ? canned(args) : canned) }
    },
    spawn: unexpected('start a program'),
    writeFileAtomic: unexpected('write a file'),
    removeFile: unexpected('remove a file'),
    uid: () => machine.uid ?? 0,
    environment: () => machine.environment ?? {},
  }
}

export function fakeProbes(probes: Partial<Probes> = {}): Probes {
  return {
    addresses: () => [],
    lookup: async () => [],
    askResolver: unexpected('ask a resolver'),
    tls: unexpected('connect'),
    fsync: unexpected('write to a disk'),
    ...probes,
  }
}

export const ethernet = (address: string, prefix: number, name = 'eth0') => ({
  interface: name,
  address,
  family: address.includes(':') ? (6 as const) : (4 as const),
  cidr: `${address}/${prefix}`,
  mac: '02:00:00:00:00:01',
  isInternal: address.startsWith('127.') || address === '::1',
})

/** The row of one check on that machine. */
export async function rowOf(check: Check, machine: FakeMachine = {}, input: PreflightInput = {}): Promise<PreflightRow> {
  const host = fakeHost(machine)
  const probes = fakeProbes(machine.probes)
  const target = targetOf(input)
  const finding = await check.run({
    host,
    probes,
    machine: createMachine(host, probes),
    target,
    clock: systemClock,
    random: () => 0.5,
    signal: AbortSignal.timeout(10_000),
  })
  return toRow(check, finding, target, false, 0)
}
