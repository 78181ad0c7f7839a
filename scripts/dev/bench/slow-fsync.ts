// A disk whose fsync takes longer than this machine's: a library that the loader puts before the C library's own.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const source = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_first(void) {
  const char *text = getenv("MOORLINE_BENCH_FSYNC_US");
  long us = text ? atol(text) : 0;
  struct timespec time = {us / 1000000, (us % 1000000) * 1000};
  nanosleep(&time, NULL);
}
int fsync(int fd) {
  wait_first();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
  wait_first();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
`

/** Environment of a process whose every fsync waits; undefined where no C compiler is. */
export function slowFsync(directory: string, ms: number): Record<string, string> | undefined {
  const [text, library] = [join(directory, 'slow-fsync.c'), join(directory, 'slow-fsync.so')]
  writeFileSync(text, source)
  try {
    execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, text, '-ldl'], { stdio: 'pipe' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return { LD_PRELOAD: library, MOORLINE_BENCH_FSYNC_US: String(ms * 1000) }
}
