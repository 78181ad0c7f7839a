// The first admin: a token, a binding and a kubeconfig that an unmodified kubectl reads. Written whole and private, or not at all.
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { AccessToken } from '#shared/contract/access.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Resources } from '#hub/resources/types.ts'
import { encodeCa, kubeconfigOf } from './kubeconfig.ts'
import type { Auth } from './types.ts'

export interface EnsureAdminOptions {
  dataDir: string
  resources: Resources
  auth: Auth
  /** https://host:port that kubectl will use. */
  serverUrl: string
  /** CA that signed the web certificate; without it kubectl trusts the system's. */
  caPem?: string
}

export const adminUser = 'admin'
const adminBinding = 'moorline-admin'

interface Kubeconfig {
  clusters?: { cluster?: { server?: string; 'certificate-authority-data'?: string } }[]
  users?: { user?: { token?: string } }[]
}

/** Returns the path of a kubeconfig that works now. A file that still works is left as it is. */
export async function ensureAdmin(options: EnsureAdminOptions): Promise<string> {
  const path = join(options.dataDir, 'admin.kubeconfig')
  await ensureBinding(options.resources)
  if (await isCurrent(path, options)) {
    await chmod(path, 0o600)
    return path
  }
  const token = await options.resources.create<AccessToken>('AccessToken', {
    apiVersion,
    kind: 'AccessToken',
    metadata: { generateName: 'admin-', labels: { 'moorline.dev/issued-for': 'admin-kubeconfig' } },
    spec: { user: adminUser },
  })
  const secret = token.status?.token
  if (secret === undefined) throw new ApiError('InternalError', 'the new admin token has no secret; AccessToken must issue one on create')
  await writePrivate(path, stringify(kubeconfigOf({ name: 'moorline', server: options.serverUrl, caPem: options.caPem, token: secret })))
  // Only after the new file works do the tokens of the one before it end.
  const former = options.resources.list<AccessToken>('AccessToken', { labelSelector: 'moorline.dev/issued-for=admin-kubeconfig' })
  for (const old of former.items)
    if (old.metadata.name !== token.metadata.name) await options.resources.delete('AccessToken', old.metadata.name)
  return path
}

async function ensureBinding(resources: Resources): Promise<void> {
  if (resources.get('AccessBinding', adminBinding)) return
  await resources.create('AccessBinding', {
    apiVersion,
    kind: 'AccessBinding',
    metadata: { name: adminBinding },
    spec: { role: 'admin', subjects: [{ kind: 'User', name: adminUser }] },
  })
}

async function isCurrent(path: string, { auth, serverUrl, caPem }: EnsureAdminOptions): Promise<boolean> {
  let config: Kubeconfig | null
  try {
    config = parse(await readFile(path, 'utf8')) as Kubeconfig | null
  } catch (error) {
    // Missing or not YAML: a new one takes its place.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as Error).name.startsWith('YAML')) return false
    throw error
  }
  const cluster = config?.clusters?.[0]?.cluster
  const token = config?.users?.[0]?.user?.token
  return (
    cluster?.server === serverUrl &&
    cluster['certificate-authority-data'] === encodeCa(caPem) &&
    typeof token === 'string' &&
    auth.authenticateBearer(token)?.name === adminUser
  )
}

/** A reader sees the old file or the new one, and nobody else ever sees either. */
async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
