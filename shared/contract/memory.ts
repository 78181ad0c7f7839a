// How the two programs are told to use memory; the images, the agent's unit and its executable say the same.
//
// glibc keeps what many TLS handshakes freed in an arena per thread: one arena gives most of it back. The buffers of a transfer
// come and go at the top of that arena, and what is given back to the kernel for each of them is paid for with page faults, which cost
// more than all the rest of a transfer: the hub keeps its free memory, and buffers below 4 MiB are never mappings of their own. V8 frees
// the buffers as soon as its small young generation is full, in the thread that needs the next one, while they are still in the
// processor's cache.
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
    MALLOC_TRIM_THRESHOLD_: String(64 * mebibyte),
    MALLOC_MMAP_THRESHOLD_: String(4 * mebibyte),
  },
  flags: ['--max-semi-space-size=2', '--no-concurrent-array-buffer-sweeping'],
}

/**
 * It is idle nearly always, and then has to be small. `--expose-gc`: it collects when it has been idle. glibc's own thresholds start
 * small and grow with the buffers that it sees freed: only an agent that has had a transfer keeps memory for the next one. To set either
 * of them would end that.
 */
export const agentMemory: MemorySettings = {
  environment: { MALLOC_ARENA_MAX: '1' },
  flags: ['--expose-gc', '--max-semi-space-size=1', '--max-old-space-size=64', '--single-threaded'],
}

export const asAssignments = (environment: MemorySettings['environment']): string =>
  Object.entries(environment)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
