import { type AccessToken, AccessTokenSpec, AccessTokenStatus } from '#shared/contract/access.ts'
import { untilOf } from '../age.ts'
import { hashToken, newToken } from '../tokens.ts'
import type { KindDefinition } from '../types.ts'
import { ageColumn, column, nameColumn } from './columns.ts'
import { immutable } from './rules.ts'
import { hideTokenHash } from './token-hash.ts'

export function accessTokenKind({ randomBytes }: { randomBytes(count: number): Uint8Array }): KindDefinition {
  return {
    kind: 'AccessToken',
    plural: 'accesstokens',
    singular: 'accesstoken',
    shortNames: ['at'],
    categories: ['moorline'],
    description: 'A bearer token for the API. The secret is shown once, in the answer to create; deleting the object ends it.',
    spec: AccessTokenSpec,
    status: AccessTokenStatus,
    columns: [
      nameColumn,
      column<AccessToken>('User', 'Who the bearer is.', (object) => object.spec.user),
      column<AccessToken>('Groups', 'Groups of the bearer.', (object) => object.spec.groups?.join(',')),
      column<AccessToken>('Expires', 'Time that is left.', (object, now) => untilOf(object.status?.expiresAt, now)),
      ageColumn,
    ],
    selectableFields: { 'spec.user': (object) => (object as AccessToken).spec.user },
    initialStatus(object, now) {
      const { ttlSeconds } = (object as AccessToken).spec
      return ttlSeconds === undefined ? {} : { expiresAt: new Date(now.getTime() + ttlSeconds * 1000).toISOString() }
    },
    validate: (object, old) =>
      immutable((object as AccessToken).spec, (old as AccessToken | undefined)?.spec, ['user', 'groups', 'ttlSeconds']),
    onCreate(object) {
      const token = newToken('mla', randomBytes)
      const status = { ...(object.status as AccessTokenStatus), tokenHash: hashToken(token) }
      return { object: { ...object, status }, answerOnlyStatus: { token } }
    },
    redact: hideTokenHash,
  }
}
