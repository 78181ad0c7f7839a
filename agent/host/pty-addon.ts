// The native half of node-pty, used directly: its JavaScript half looks for files beside itself, which a single executable has none of,
// and spins while a program does not read. Loaded when the first terminal is opened.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { getRawAsset, isSea } from 'node:sea'

export interface PtyAddon {
  /** A process in a session and terminal of its own. `onExit` is called once, with its signal or 0. */
  fork(
    file: string,
    args: readonly string[],
    environment: readonly string[],
    directory: string,
    columns: number,
    rows: number,
    uid: number,
    gid: number,
    isUtf8: boolean,
    helper: string,
    onExit: (exitCode: number, signal: number) => void,
  ): { fd: number; pid: number }
  resize(fd: number, columns: number, rows: number, pixelWidth: number, pixelHeight: number): void
}

/** Name of the asset in the single executable. */
export const ptyAsset = 'pty.node'

/** @throws Error that names each directory that was tried */
export function loadPtyAddon(environment: Readonly<Record<string, string | undefined>>): PtyAddon {
  if (isSea()) return fromAsset(Buffer.from(getRawAsset(ptyAsset)), directoriesOf(environment))
  const packageFolder = dirname(createRequire(import.meta.url).resolve('node-pty/package.json'))
  return open(join(packageFolder, 'prebuilds', `${process.platform}-${process.arch}`, ptyAsset))
}

const directoriesOf = ({ RUNTIME_DIRECTORY, STATE_DIRECTORY }: Readonly<Record<string, string | undefined>>): string[] =>
  // systemd separates several by colons.
  [RUNTIME_DIRECTORY, STATE_DIRECTORY].flatMap((value) => value?.split(':')[0] || []).concat(tmpdir())

/** The loader needs a file; it is gone again before anybody else could look at it. A directory mounted noexec makes room for the next. */
export function fromAsset(content: Uint8Array, directories: readonly string[]): PtyAddon {
  const failures: string[] = []
  for (const directory of directories) {
    let own: string | undefined
    try {
      own = mkdtempSync(join(directory, '.moorline-pty-'))
      chmodSync(own, 0o700)
      const path = join(own, ptyAsset)
      writeFileSync(path, content, { mode: 0o700, flag: 'wx' })
      return open(path)
    } catch (error) {
      failures.push(`${directory}: ${(error as Error).message}`)
    } finally {
      if (own !== undefined) rmSync(own, { recursive: true, force: true })
    }
  }
  throw new Error(`the terminal's library cannot be loaded from any directory (${failures.join('; ')})`)
}

function open(path: string): PtyAddon {
  const loaded = { exports: {} }
  process.dlopen(loaded, path)
  return loaded.exports as PtyAddon
}
