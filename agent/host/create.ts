// The real machine behind the Host interface.
import type { Clock } from '#shared/clock/clock.ts'
import { createFiles } from './files.ts'
import { createProcesses } from './process.ts'
import type { Host } from './types.ts'

export interface HostOptions {
  clock: Clock
  environment: Readonly<Record<string, string | undefined>>
}

export function createHost({ clock, environment }: HostOptions): Host {
  const files = createFiles(environment.PATH ?? '')
  return {
    ...files,
    ...createProcesses({ clock, environment, which: files.which }),
    uid: () => process.geteuid?.() ?? -1,
    environment: () => environment,
  }
}
