// The key that seals Credentials: one file in the data directory, made at the first start. It is not in the database and not in its
// backups, so that neither alone tells a secret.
import { createHash } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperatorError } from '#shared/errors/api-error.ts'

export const keyFileName = 'credentials.key'
const keyBytes = 32
const shape = /^moorline-credentials-1 ([A-Za-z0-9_-]{43})\n?$/

export interface SealingKey {
  bytes: Uint8Array
  /** Stands in front of every ciphertext and tells which key it needs; tells nothing about the key. */
  id: string
}

export interface OpenKeyOptions {
  dataDir: string
  randomBytes(count: number): Uint8Array
  /** There are sealed Credentials: a new key would be of no use to them. */
  mustExist: boolean
}

/** @throws OperatorError CredentialKeyMissing, CredentialKeyDamaged */
export async function openSealingKey({ dataDir, randomBytes, mustExist }: OpenKeyOptions): Promise<SealingKey> {
  const path = join(dataDir, keyFileName)
  const text = await readKeyFile(path)
  if (text !== undefined) return parseKey(text, path)
  if (mustExist)
    throw new OperatorError(
      'CredentialKeyMissing',
      `${path} is missing, and the database has Credentials that only it can open.`,
      `Restore it from a backup. Only if it is lost for good: run \`npm run hub -- new-credentials-key --data ${dataDir}\`, start the hub, and write each Credential anew.`,
    )
  return createSealingKey({ dataDir, randomBytes })
}

/** @throws OperatorError CredentialKeyExists */
export async function createSealingKey({ dataDir, randomBytes }: Omit<OpenKeyOptions, 'mustExist'>): Promise<SealingKey> {
  const path = join(dataDir, keyFileName)
  const bytes = randomBytes(keyBytes)
  const draft = `${path}.${Buffer.from(randomBytes(6)).toString('hex')}.tmp`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`moorline-credentials-1 ${Buffer.from(bytes).toString('base64url')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // Unlike a rename it never replaces a key that is there.
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new OperatorError(
      'CredentialKeyExists',
      `${path} exists. Nothing was changed.`,
      'Keep it: it opens the Credentials. Move it away first if it is the wrong one.',
    )
  } finally {
    await rm(draft, { force: true })
  }
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
  return { bytes, id: keyId(bytes) }
}

export function keyId(bytes: Uint8Array): string {
  return createHash('sha256').update('moorline credentials key id\0').update(bytes).digest('hex').slice(0, 16)
}

async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw damaged(path, 'it cannot be read', error)
  }
}

function parseKey(text: string, path: string): SealingKey {
  const bytes = Buffer.from(shape.exec(text)?.[1] ?? '', 'base64url')
  if (bytes.length !== keyBytes) throw damaged(path, 'it does not have the form that the hub writes')
  return { bytes, id: keyId(bytes) }
}

function damaged(path: string, why: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'CredentialKeyDamaged',
    `${path}: ${why}. Nothing was changed.`,
    'Restore it from a backup, readable by the user of the hub.',
    cause,
  )
}
