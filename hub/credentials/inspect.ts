// Whether the data of a Credential can be what its type says, and when it ends. Pure; nothing is dialled, no value is ever quoted.
import type { CredentialData } from '#shared/contract/credential.ts'
import type { FieldCause } from '#hub/resources/types.ts'
import { certificatesOf, isHeaderText, KubeconfigRefused, readInlineKubeconfig } from './kubeconfig.ts'
import { lookAtKey } from './ssh-key.ts'
import type { CredentialType } from './types.ts'

export interface Inspection {
  causes: FieldCause[]
  /** When it ends by what it says itself. */
  expiresAt?: Date
}

type Field = keyof CredentialData

const cause = (field: Field, message: string): FieldCause => ({
  field: `spec.data.${field}`,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${message}`,
})

export function inspectCredential(type: CredentialType, data: CredentialData): Inspection {
  switch (type) {
    case 'Kubeconfig':
      return inspectKubeconfig(data.kubeconfig ?? '')
    case 'Token':
      return inspectToken(data.token ?? '')
    case 'SSHKey':
      return { causes: [...inspectKey(data), ...lines(data, ['passphrase', 'sudoPassword'])] }
    case 'Password':
      return { causes: lines(data, ['username', 'password']) }
  }
}

function inspectKubeconfig(content: string): Inspection {
  try {
    const { cert, token } = readInlineKubeconfig(content)
    const ends = [cert === undefined ? undefined : certificateEnd(cert), token === undefined ? undefined : tokenEnd(token)]
    const [expiresAt] = ends.filter((end) => end !== undefined).sort((a, b) => a.getTime() - b.getTime())
    return { causes: [], expiresAt }
  } catch (error) {
    if (!(error instanceof KubeconfigRefused)) throw error
    return { causes: [cause('kubeconfig', error.message)] }
  }
}

function inspectToken(token: string): Inspection {
  if (!isHeaderText(token))
    return { causes: [cause('token', 'a token has no spaces, line breaks or characters beyond ASCII; leave out what surrounds it')] }
  return { causes: [], expiresAt: tokenEnd(token) }
}

function inspectKey({ privateKey = '', passphrase }: CredentialData): FieldCause[] {
  const look = lookAtKey(privateKey, passphrase !== undefined)
  return 'problem' in look ? [cause(look.field, look.problem)] : []
}

/** A line break at the end comes from a file, and no server takes it. */
function lines(data: CredentialData, fields: readonly Field[]): FieldCause[] {
  return fields.filter((field) => /[\r\n\0]/.test(data[field] ?? '')).map((field) => cause(field, 'it has a line break or a NUL'))
}

/** The leaf comes first. */
function certificateEnd(pem: string): Date | undefined {
  const [leaf] = certificatesOf(pem) ?? []
  return leaf && new Date(leaf.validTo)
}

/** The claim `exp` of a JWT (RFC 7519 4.1.4), which tokens of service accounts are; undefined for any other token, and without it. */
export function tokenEnd(token: string): Date | undefined {
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  try {
    const { exp } = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) as { exp?: unknown }
    return typeof exp === 'number' && exp > 0 && exp < 253_402_300_800 ? new Date(exp * 1000) : undefined
  } catch {
    // Three parts with dots do not make a JWT.
    return undefined
  }
}
