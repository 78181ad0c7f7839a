// The only door from the agent to the machine: processes and files outside the agent's own state directory.
// Checks and actions take a Host, so a test gives them a directory tree and canned programs instead of the machine.

export interface ProcessResult {
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
  isTimedOut: boolean
  /** The program does not exist. */
  isMissing: boolean
}

export interface SpawnOptions {
  cwd?: string
  env?: Record<string, string>
  stdin?: string | Buffer
  signal?: AbortSignal
  onOutput(stream: 'stdout' | 'stderr', data: Buffer): void
  onSpawn?(pid: number): void
}

export interface FileInfo {
  isFile: boolean
  isDirectory: boolean
  isSymlink: boolean
  isSocket: boolean
  sizeBytes: number
  mode: number
  uid: number
  gid: number
  modifiedMs: number
  device: number
  inode: number
}

export interface FilesystemInfo {
  totalBytes: number
  freeBytes: number
  /** Free to an unprivileged process. */
  availableBytes: number
  inodes: number
  inodesFree: number
}

export interface Host {
  /** undefined when it does not exist; other errors are thrown (EACCES, EISDIR). At most maxBytes (default 1 MiB) are read. */
  readText(path: string, options?: { maxBytes?: number }): Promise<string | undefined>
  readBytes(path: string, options?: { maxBytes?: number }): Promise<Buffer | undefined>
  readLink(path: string): Promise<string | undefined>
  /** undefined when it does not exist. Does not follow a symlink at the end. */
  info(path: string): Promise<FileInfo | undefined>
  /** Names in it, sorted; undefined when it does not exist. */
  list(path: string): Promise<string[] | undefined>
  filesystem(path: string): Promise<FilesystemInfo>
  /** Full path of a program in PATH (plus /usr/sbin:/sbin), undefined when there is none. */
  which(program: string): Promise<string | undefined>
  /** Runs a program with arguments, no shell, and collects at most maxOutputBytes (default 1 MiB) of each stream. */
  run(
    program: string,
    args: readonly string[],
    options?: { timeoutMs?: number; env?: Record<string, string>; stdin?: string; maxOutputBytes?: number },
  ): Promise<ProcessResult>
  /** Long-running: streams its output; the whole process group is ended on abort (SIGTERM, then SIGKILL after 5 s). */
  spawn(program: string, args: readonly string[], options: SpawnOptions): Promise<{ exitCode: number | null; signal: string | null }>
  /** tmp → write → fsync → chmod/chown → rename → fsync of the directory. */
  writeFileAtomic(path: string, data: Buffer, options: { mode: number; uid?: number; gid?: number }): Promise<void>
  /** Removes a file (no error when absent) and fsyncs its directory. */
  removeFile(path: string): Promise<void>
  /** Effective user id. */
  uid(): number
  environment(): Readonly<Record<string, string | undefined>>
}
