// One test bed: its name prefixes every namespace and cgroup, so that beds beside each other never meet. The cache (binaries, base tree,
// images) is shared by all beds of this machine; everything else lives in `run` and goes away with `down`.
import { join } from 'node:path'

export interface Bed {
  name: string
  /** What takes long to make and never changes by use. */
  cache: string
  /** Machines, pid files, kubeconfig of this bed. */
  run: string
  print(line: string): void
}

export interface BedOptions {
  /** `ml` for people, `mlt` for the test suite. */
  name: string
  env: Readonly<Record<string, string | undefined>>
  print(line: string): void
}

const defaultCache = '/var/tmp/moorline-testbed'

export function bedOf({ name, env, print }: BedOptions): Bed {
  if (!/^[a-z][a-z0-9]{0,7}$/.test(name)) throw new Error(`'${name}' is no name for a test bed: up to 8 lower-case letters and digits`)
  const cache = env['MOORLINE_TESTBED'] || defaultCache
  return { name, cache, run: join(cache, 'run', name), print }
}

export const kubernetesVersion = 'v1.20.2'

/** Namespaces are global to the machine. */
export const namespaceOf = (bed: Bed, part: string): string => `${bed.name}-${part}`

export const kubeconfigOf = (bed: Bed): string => join(bed.run, 'admin.conf')
