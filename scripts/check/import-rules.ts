// Who may import whom (docs/architecture.md, "Folders"). Pure: a file's path and text in, violations out.
import { posix } from 'node:path'
import type { SourceFile } from './sources.ts'

export interface ImportViolation {
  path: string
  specifier: string
  rule: string
}

/** Folders of the hub, each with the other folders of the hub that it may use. Files directly in hub/ and hub/commands compose, and may use all. */
const hubFolders: Readonly<Record<string, readonly string[]>> = {
  api: ['auth', 'resources', 'store', 'gateway', 'tunnel', 'terminal', 'clusters', 'credentials', 'observability'],
  controllers: ['resources', 'store', 'gateway', 'tunnel', 'clusters', 'credentials', 'dial', 'ssh', 'pki', 'observability'],
  auth: ['resources', 'store'],
  resources: ['store'],
  tunnel: ['gateway', 'pki'],
  terminal: [],
  gateway: ['pki'],
  bundles: ['resources', 'store'],
  clusters: ['resources', 'store', 'tunnel', 'credentials', 'dial'],
  credentials: ['resources', 'store'],
  dial: ['credentials'],
  ssh: ['credentials', 'dial'],
  store: [],
  pki: [],
  config: [],
  observability: [],
  web: [],
}

/** Packages and built-in modules that only the folders named may import. */
const restricted: readonly { pattern: RegExp; folders: readonly string[]; scope: RegExp }[] = [
  { pattern: /^better-sqlite3$/, folders: ['hub/store/'], scope: /^(hub|agent|shared)\// },
  { pattern: /^node:sqlite$/, folders: ['agent/journal/'], scope: /^(hub|agent|shared)\// },
  // The wire itself; @nats-io/nkeys and /jwt only make and read keys.
  { pattern: /^nats(\/.*)?$/, folders: ['hub/gateway/', 'agent/link/'], scope: /^(hub|agent|shared)\// },
  { pattern: /^(@grpc\/.*|grpc-health-check)$/, folders: ['hub/gateway/', 'agent/link/'], scope: /^(hub|agent|shared)\// },
  { pattern: /^(node:)?child_process$|^execa$/, folders: ['agent/host/', 'hub/gateway/'], scope: /^(hub|agent|shared)\// },
  // The agent's state directory belongs to these; every other file of the machine goes through agent/host.
  {
    pattern: /^(node:)?fs(\/promises)?$/,
    folders: [
      'agent/host/',
      'agent/config/',
      'agent/enroll/',
      'agent/journal/',
      'agent/actions/undo-journal.ts',
      'agent/terminal/recordings.ts',
      'agent/cli/',
      'agent/update/',
    ],
    scope: /^agent\//,
  },
  { pattern: /^(node:)?(fs|fs\/promises|http|https|http2|tls|dgram|dns|worker_threads|cluster)$/, folders: [], scope: /^shared\// },
  { pattern: /^ssh2$/, folders: ['hub/ssh/', 'hub/credentials/'], scope: /^(hub|agent|shared)\// },
  { pattern: /^node-pty$|^(node:)?tty$/, folders: ['agent/host/'], scope: /^(hub|agent|shared)\// },
  { pattern: /^ws$/, folders: ['hub/api/'], scope: /^(hub|agent|shared)\// },
  { pattern: /^fastify$|^@fastify\//, folders: ['hub/api/'], scope: /^(hub|agent|shared)\// },
  { pattern: /^systeminformation$/, folders: ['agent/facts/', 'agent/host/'], scope: /^(hub|agent|shared)\// },
]

const statement = /(?:^|[\s;}])(?:import|export)\s+(?:[^'";]*?\sfrom\s+)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g
const aliases: Readonly<Record<string, string>> = {
  '#shared/': 'shared/',
  '#proto/': 'proto/gen/',
  '#hub/': 'hub/',
  '#agent/': 'agent/',
  '#scripts/': 'scripts/',
  '#test/': 'test/',
}

/** Every module specifier that a file imports or re-exports, statically or by import('…'). */
export function importsOf(text: string): string[] {
  return [...text.matchAll(statement)].map((match) => match[1] ?? match[2] ?? '')
}

export function checkImports(file: SourceFile): ImportViolation[] {
  return importsOf(file.text).flatMap((specifier) => {
    const rule = broken(file.path, specifier)
    return rule ? [{ path: file.path, specifier, rule }] : []
  })
}

function broken(path: string, specifier: string): string | undefined {
  const target = resolve(path, specifier)
  if (target === undefined) return brokenPackage(path, specifier)
  const [from = ''] = path.split('/')
  const [to = ''] = target.split('/')
  if (from === 'test' || from === 'scripts') return undefined
  if (to === 'test' || to === 'scripts') return `${from} must not import ${to}`
  if (from === 'shared' && to !== 'shared') return 'shared imports nothing of ours'
  if ((from === 'hub' || from === 'agent') && to !== from && to !== 'shared' && to !== 'proto')
    return 'hub and agent never import each other'
  return from === 'hub' && to === 'hub' ? brokenHub(path, target) : undefined
}

function brokenHub(path: string, target: string): string | undefined {
  const from = hubFolder(path)
  const to = hubFolder(target)
  if (!from || from === 'commands' || from === to) return undefined
  if (!to) return `hub/${from} must not import the composition root`
  const allowed = hubFolders[from]
  if (!allowed) return `hub/${from} has no line in the import rules`
  return allowed.includes(to)
    ? undefined
    : `hub/${from} may use ${allowed.map((name) => `hub/${name}`).join(', ') || 'no other folder of the hub'}`
}

/** `api` of hub/api/x.ts, undefined of hub/main.ts. */
function hubFolder(path: string): string | undefined {
  const parts = path.split('/')
  return parts.length > 2 ? parts[1] : undefined
}

function brokenPackage(path: string, specifier: string): string | undefined {
  for (const { pattern, folders, scope } of restricted) {
    if (!pattern.test(specifier) || !scope.test(path) || isComposition(path)) continue
    if (!folders.some((folder) => path.startsWith(folder)))
      return folders.length > 0 ? `only ${folders.join(', ')} may import it` : 'no I/O in shared'
  }
  return undefined
}

/** Composition roots and the hub's commands start and wire everything; they may open files. */
const isComposition = (path: string): boolean => /^(hub|agent)\/[^/]+\.ts$/.test(path)

/** Path of a file of ours, or undefined for packages and built-in modules. */
function resolve(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier)
  for (const [alias, folder] of Object.entries(aliases)) if (specifier.startsWith(alias)) return folder + specifier.slice(alias.length)
  return undefined
}
