// How the two programs are told to use memory; the images, the agent's unit and its executable say the same.
//
// glibc keeps what many TLS handshakes freed in an arena per thread: one arena gives most of it back. The buffers of a transfer
// come and go at the top of that arena, and what is given back to the kernel for each of them is paid for with page faults: at the hub
// a few MiB stay, and buffers below a MiB are never mappings of their own. A small young generation makes V8 free buffers while they
// are still in the processor's cache.
const mebibyte = 1024 * 1024

export interface MemorySettings {
  /** For glibc. */
  environment: Readonly<Record<string, string>>
  /** For V8. */
  flags: readonly string[]
}

export const hubMemory: MemorySettings = {
  environment: {
    MALLOC_ARENA_MAX: '1',
    MALLOC_TRIM_THRESHOLD_: String(8 * mebibyte),
    MALLOC_MMAP_THRESHOLD_: String(mebibyte),
  },
  flags: ['--max-semi-space-size=2'],
}

/** It is idle nearly always, and then has to be small. `--expose-gc`: it collects when it has been idle. */
export const agentMemory: MemorySettings = {
  environment: { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' },
  flags: ['--expose-gc', '--max-semi-space-size=1', '--max-old-space-size=64'],
}

export const asAssignments = (environment: MemorySettings['environment']): string =>
  Object.entries(environment)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
