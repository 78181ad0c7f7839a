import { type Credential, CredentialSpec, CredentialStatus, sealedMark } from '#shared/contract/credential.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { untilOf } from '../age.ts'
import { sealedOf, withoutSealed, withSealed } from '../sealed.ts'
import type { FieldCause, KindDefinition } from '../types.ts'
import { ageColumn, column, nameColumn, wide } from './columns.ts'
import { elsewhere, scrubLastApplied } from './credential-text.ts'
import { credentialUsers } from './credential-users.ts'
import { badValue, forbidden, immutable } from './rules.ts'

export interface CredentialKindOptions {
  vault: {
    seal(uid: string, field: string, text: string): string
    /** Undefined: sealed with another key, moved or damaged. */
    open(uid: string, field: string, sealed: string): string | undefined
  }
  /** Whether the data, in clear, can be what the type says; when it ends. */
  inspect(type: Credential['spec']['type'], data: Credential['spec']['data']): { causes: FieldCause[]; expiresAt?: Date }
  fingerprint(sealed: Readonly<Record<string, string>>): string
}

/** Fields of each type, the required one first. */
const fieldsOf = {
  Kubeconfig: ['kubeconfig'],
  Token: ['token'],
  Password: ['password', 'username'],
  SSHKey: ['privateKey', 'passphrase', 'sudoPassword'],
} as const satisfies Record<Credential['spec']['type'], readonly (keyof Credential['spec']['data'])[]>

type Fields = Record<string, string>

interface Comparison {
  /** In clear, what was written and what marks keep. */
  data: Fields
  /** Ciphertexts that stay. */
  sealed: Fields
  /** Marks with nothing behind them. */
  empty: string[]
  /** Marks whose secret does not open. */
  unreadable: string[]
  /** No secret is another one than before. */
  isSame: boolean
}

export function credentialKind({ vault, inspect, fingerprint }: CredentialKindOptions): KindDefinition {
  /** What was written against what is stored; a mark stands for the latter. */
  function compare(object: Resource, old: Resource | undefined): Comparison {
    const stored = sealedOf(old)
    const written = Object.entries((object as Credential).spec.data)
    const uid = object.metadata.uid ?? ''
    const data: Fields = {}
    const sealed: Fields = {}
    const found: Comparison = { data, sealed, empty: [], unreadable: [], isSame: Object.keys(stored).length === written.length }
    for (const [field, value] of written) {
      const kept = stored[field]
      const text = kept === undefined ? undefined : vault.open(uid, field, kept)
      const isMark = value === sealedMark
      if (isMark && kept === undefined) found.empty.push(field)
      else if (isMark && text === undefined) found.unreadable.push(field)
      else data[field] = isMark ? (text as string) : value
      if (kept !== undefined && (isMark || text === value)) sealed[field] = kept
      else found.isSame = false
    }
    return found
  }

  return {
    kind: 'Credential',
    plural: 'credentials',
    singular: 'credential',
    shortNames: ['cred'],
    categories: ['all', 'moorline'],
    description:
      'A secret that the hub uses: to dial an imported cluster, a machine over SSH, a proxy. Sealed before it is stored; never shown.',
    spec: CredentialSpec,
    status: CredentialStatus,
    columns: [
      nameColumn,
      column<Credential>('Type', 'What it is.', (object) => object.spec.type),
      column<Credential>('Expires', 'Time that is left, where the secret itself says.', (object, now) =>
        untilOf(object.status?.expiresAt, now),
      ),
      column<Credential>('Cluster', 'The only cluster that may use it.', (object) => object.spec.clusterRef),
      wide<Credential>('Fingerprint', 'Changes when the secret does.', (object) => object.status?.fingerprint),
      wide<Credential>('Updated', 'When the secret was last written.', (object) => object.status?.updatedAt),
      wide<Credential>('Description', 'For people.', (object) => object.spec.description),
      ageColumn,
    ],
    selectableFields: {
      'spec.type': (object) => (object as Credential).spec.type,
      'spec.clusterRef': (object) => (object as Credential).spec.clusterRef ?? '',
    },
    initialStatus: () => ({ conditions: [] }),
    defaults: scrubLastApplied,
    validate(object, old, look) {
      const { spec } = object as Credential
      const before = (old as Credential | undefined)?.spec
      const causes = immutable(spec, before, ['type'])
      if (causes.length > 0) return causes
      causes.push(...checkFields(spec))
      const { data, empty, unreadable, isSame } = compare(object, old)
      for (const field of empty)
        causes.push(badValue(`spec.data.${field}`, sealedMark, 'nothing is stored that it could keep; write the secret itself'))
      if (!isSame)
        for (const field of unreadable)
          causes.push(badValue(`spec.data.${field}`, sealedMark, 'what is stored was sealed with another key; write the secret itself'))
      if (spec.clusterRef !== undefined && spec.clusterRef !== before?.clusterRef)
        for (const { cluster, says } of credentialUsers(look, object.metadata.name))
          if (cluster !== spec.clusterRef)
            causes.push(badValue('spec.clusterRef', spec.clusterRef, `${says} uses it, and would not be allowed to`))
      causes.push(...elsewhere(object, data))
      // What was accepted once stays acceptable: a token that has ended since does not stand in the way of a new label.
      if (causes.length === 0 && !isSame) causes.push(...inspect(spec.type, data).causes)
      return causes
    },
    seal(object, old, now) {
      const { data, sealed, isSame } = compare(object, old)
      if (isSame) return withSealed(object, sealed)
      const uid = object.metadata.uid ?? ''
      for (const [field, text] of Object.entries(data)) sealed[field] ??= vault.seal(uid, field, text)
      const { type } = (object as Credential).spec
      const { expiresAt } = inspect(type, data)
      const { expiresAt: _old, ...status } = (object as Credential).status ?? {}
      return withSealed(
        {
          ...object,
          status: {
            ...status,
            fingerprint: fingerprint(sealed),
            updatedAt: now.toISOString(),
            ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
          },
        },
        sealed,
      )
    },
    validateDelete(object, look) {
      const users = credentialUsers(look, object.metadata.name)
      const [first] = users
      if (!first) return undefined
      const more = users.length > 1 ? ` and ${users.length - 1} more` : ''
      return `${first.says}${more} uses it; replace its data instead, or give what uses it another one first`
    },
    redact: withoutSealed,
  }
}

function checkFields({ type, data }: Credential['spec']): FieldCause[] {
  const fields: readonly string[] = fieldsOf[type]
  const [required] = fields
  const causes = Object.keys(data)
    .filter((field) => !fields.includes(field))
    .map((field) => forbidden(`spec.data.${field}`, `a Credential of type ${type} has ${fields.join(', ')} only`))
  if (required !== undefined && (data as Fields)[required] === undefined)
    causes.push({ field: `spec.data.${required}`, reason: 'FieldValueRequired', message: 'Required value' })
  return causes
}

/** For rules of other kinds: whether this Credential will do here. */
export function credentialReference(
  look: { get(kind: string, name: string): Resource | undefined },
  field: string,
  { name, types, cluster }: { name: string; types: readonly Credential['spec']['type'][]; cluster?: string },
): FieldCause[] {
  const credential = look.get('Credential', name) as Credential | undefined
  if (!credential) return [badValue(field, name, 'there is no Credential of this name')]
  if (!types.includes(credential.spec.type))
    return [badValue(field, name, `the Credential is of type ${credential.spec.type}; this needs ${types.join(' or ')}`)]
  const { clusterRef } = credential.spec
  if (clusterRef !== undefined && clusterRef !== cluster)
    return [badValue(field, name, `the Credential may be used for the cluster ${clusterRef} only (its spec.clusterRef)`)]
  return []
}
