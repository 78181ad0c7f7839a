import { type JoinToken, JoinTokenSpec, JoinTokenStatus } from '#shared/contract/join-token.ts'
import { untilOf } from '../age.ts'
import { hashToken, newToken } from '../tokens.ts'
import type { KindDefinition } from '../types.ts'
import { ageColumn, column, nameColumn, wide } from './columns.ts'
import { badValue, immutable, oneWay, reference } from './rules.ts'
import { hideTokenHash } from './token-hash.ts'

export interface JoinTokenKindOptions {
  /** The line that an operator runs on the machine. */
  installCommand(token: string, spec: JoinTokenSpec): string
  randomBytes(count: number): Uint8Array
}

export function joinTokenKind({ installCommand, randomBytes }: JoinTokenKindOptions): KindDefinition {
  return {
    kind: 'JoinToken',
    plural: 'jointokens',
    singular: 'jointoken',
    shortNames: ['jt'],
    categories: ['all', 'moorline'],
    description: 'The right to ask for an identity: expires, can be used a number of times, and is shown once, in the answer to create.',
    spec: JoinTokenSpec,
    status: JoinTokenStatus,
    columns: [
      nameColumn,
      column<JoinToken>('Phase', 'Active, Exhausted, Expired or Revoked.', (object) => object.status?.phase),
      column<JoinToken>('Used', 'Machines that asked with it.', (object) => object.status?.used ?? 0, { type: 'integer' }),
      column<JoinToken>('Uses', 'Machines that may ask with it.', (object) => object.spec.uses ?? 1, { type: 'integer' }),
      column<JoinToken>('Expires', 'Time that is left.', (object, now) => untilOf(object.status?.expiresAt, now)),
      column<JoinToken>('Cluster', 'Cluster that the machines will belong to.', (object) => object.spec.clusterRef),
      column<JoinToken>('Approval', 'Manual or Automatic.', (object) => object.spec.approval ?? 'Manual'),
      wide<JoinToken>('Role', 'Role that the machines will have.', (object) => object.spec.role),
      ageColumn,
    ],
    selectableFields: {
      'spec.clusterRef': (object) => (object as JoinToken).spec.clusterRef ?? '',
      'status.phase': (object) => (object as JoinToken).status?.phase ?? '',
    },
    defaults(object) {
      const { spec } = object as JoinToken
      return {
        ...object,
        spec: { ...spec, uses: spec.uses ?? 1, ttlSeconds: spec.ttlSeconds ?? 86_400, approval: spec.approval ?? 'Manual' },
      }
    },
    initialStatus(object, now) {
      const expiresAt = new Date(now.getTime() + ((object as JoinToken).spec.ttlSeconds ?? 86_400) * 1000).toISOString()
      return { phase: 'Active', used: 0, expiresAt }
    },
    validate(object, old, look) {
      const { spec } = object as JoinToken
      const before = (old as JoinToken | undefined)?.spec
      return [
        ...reference(look, 'Cluster', 'spec.clusterRef', spec.clusterRef, before?.clusterRef),
        ...reference(look, 'Machine', 'spec.machineRef', spec.machineRef, before?.machineRef),
        ...(spec.machineRef !== undefined && (spec.uses ?? 1) > 1 ? [badValue('spec.uses', spec.uses, 'must be 1 with machineRef')] : []),
        ...immutable(spec, before, ['uses', 'ttlSeconds', 'clusterRef', 'role', 'machineRef', 'approval', 'match']),
        ...oneWay('spec.revoked', spec.revoked, before?.revoked),
      ]
    },
    onCreate(object) {
      const token = newToken('mlj', randomBytes)
      const status = { ...(object.status as JoinTokenStatus), tokenHash: hashToken(token) }
      return {
        object: { ...object, status },
        answerOnlyStatus: { token, installCommand: installCommand(token, (object as JoinToken).spec) },
      }
    },
    redact: hideTokenHash,
  }
}
