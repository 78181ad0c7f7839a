// Completes package-lock.json after `npm install` against a registry that carries only the packages of some platforms: npm then leaves
// the other platforms' optional packages out, and `npm ci` refuses the file, there and everywhere else. With version, os and cpu
// in the lock, npm knows that such a package is not for this machine and never asks for it.
export interface LockFile {
  packages: Record<string, LockEntry>
}

interface LockEntry {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'] as const
const processors: Readonly<Record<string, string>> = { armv7: 'arm' }

/** Optional dependencies that nothing in the lock file satisfies, as `[parent, name, version]`. */
export function missingOptional({ packages }: LockFile): [parent: string, name: string, version: string][] {
  return Object.entries(packages).flatMap(([parent, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !resolves(packages, parent, name))
      .map(([name, version]): [string, string, string] => [parent, name, version]),
  )
}

/** The same lock file with an entry for each of them. Throws for a package whose name does not say its platform. */
export function completeLock(lock: LockFile): LockFile {
  const packages = { ...lock.packages }
  for (const [parent, name, version] of missingOptional(lock)) {
    if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`${parent} wants ${name} ${version}, which is not one version`)
    packages[`node_modules/${name}`] = { version, ...platformOf(name), ...(packages[parent]?.dev ? { dev: true } : {}), optional: true }
  }
  return { ...lock, packages: Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'))) }
}

function platformOf(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> {
  const words = (name.split('/').at(-1) ?? '').split('-')
  const at = words.findIndex((word) => (systems as readonly string[]).includes(word))
  const [system, processor, variant] = words.slice(at)
  if (at < 0 || !system || !processor) throw new Error(`the name of ${name} does not say its platform`)
  const libc = variant?.startsWith('musl') ? 'musl' : variant?.startsWith('gnu') ? 'glibc' : undefined
  return { cpu: [processors[processor] ?? processor], os: [system], ...(libc ? { libc: [libc] } : {}) }
}

/** Node's look-up: beside the package, then in each folder above it. */
function resolves(packages: LockFile['packages'], parent: string, name: string): boolean {
  for (let folder = parent; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true
    if (!folder) return false
  }
}
