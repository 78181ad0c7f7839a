// Server certificates: for agents under fixed virtual names, for browsers and kubectl under the names the operator gives.
// Both can be made again at any time, so a missing or damaged one is simply replaced; the web key is kept for its pin.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { OperatorError } from '#shared/errors/api-error.ts'
import { isPair, type Issuer, issueServer, type KeyAndCertificate, newKeyPem, serverLifeMs } from './certificates.ts'
import type { PkiDirectory } from './manifest.ts'

const namePattern = /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

/** Lower-cases and sorts out what cannot stand in a certificate. Throws OperatorError naming the first that cannot. */
export function checkNames(names: readonly string[]): string[] {
  const unique = [...new Set(names.map((name) => name.toLowerCase()))]
  const wrong = unique.find((name) => isIP(name) === 0 && !namePattern.test(name))
  if (wrong !== undefined || unique.length === 0) {
    throw new OperatorError(
      'WebNameInvalid',
      wrong === undefined ? 'The hub has no name to put into its web certificate.' : `"${wrong}" cannot stand in a certificate.`,
      'Give host names (a-z, 0-9, hyphen, dots) or IP addresses under which the hub is reached.',
    )
  }
  return unique
}

/** True when the certificate belongs to the key and issuer, covers exactly the names, and has more than a third of its life left. */
export function isServerCurrent(leaf: Partial<KeyAndCertificate>, issuerPem: string, names: readonly string[], now: Date): boolean {
  if (leaf.keyPem === undefined || leaf.certPem === undefined) return false
  try {
    const certificate = new X509Certificate(leaf.certPem)
    const covered = (certificate.subjectAltName ?? '').split(', ').filter(Boolean)
    return (
      isPair({ keyPem: leaf.keyPem, certPem: leaf.certPem }) &&
      certificate.verify(new X509Certificate(issuerPem).publicKey) &&
      covered.length === names.length &&
      names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) !== undefined : certificate.checkIP(name) !== undefined)) &&
      certificate.validFromDate <= now &&
      certificate.validToDate.getTime() - now.getTime() > serverLifeMs / 3
    )
  } catch {
    // Unreadable: make it again.
    return false
  }
}

export interface ServerLeafRequest {
  directory: PkiDirectory
  /** File names without extension. */
  name: string
  /** Fixed key; without it the leaf's own is kept or made. */
  keyPem?: string
  issuer: Issuer
  issuerPem: string
  names: readonly string[]
  now: Date
}

/** Returns the stored certificate or a new one. */
export async function ensureServerLeaf(request: ServerLeafRequest): Promise<KeyAndCertificate> {
  const { directory, name, issuer, issuerPem, names, now } = request
  const storedKey = request.keyPem ?? (await directory.readIfPresent(`${name}.key`))
  const certPem = await directory.readIfPresent(`${name}.crt`)
  if (storedKey !== undefined && certPem !== undefined && isServerCurrent({ keyPem: storedKey, certPem }, issuerPem, names, now)) {
    return { keyPem: storedKey, certPem }
  }
  const keyPem = request.keyPem ?? (await newKeyPem())
  const issued = await issueServer(issuer, keyPem, names, now)
  if (request.keyPem === undefined) await directory.write(`${name}.key`, keyPem)
  await directory.write(`${name}.crt`, issued)
  return { keyPem, certPem: issued }
}

/** The operator's own certificate, e.g. of a public CA. Throws OperatorError when the two do not fit. */
export async function readOperatorLeaf(files: { key: string; cert: string }): Promise<KeyAndCertificate> {
  try {
    const keyPem = await readFile(files.key, 'utf8')
    const certPem = await readFile(files.cert, 'utf8')
    createPrivateKey(keyPem)
    if (!isPair({ keyPem, certPem })) throw new Error('the key is not that of the first certificate')
    return { keyPem, certPem }
  } catch (cause) {
    throw new OperatorError(
      'WebCertificateInvalid',
      `The web certificate ${files.cert} with key ${files.key} cannot be used: ${(cause as Error).message}.`,
      'Give two PEM files that belong together, leaf first, readable by the hub.',
      cause,
    )
  }
}
