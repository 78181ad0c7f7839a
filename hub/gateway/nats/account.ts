// JWTs of the NATS operator mode: who may connect and what each may say. The fleet account carries the revoked users.
import { Algorithms, encodeAccount, encodeOperator, encodeUser, newScopedSigner } from '@nats-io/jwt'
import { limits } from '#shared/contract/limits.ts'
import { agentPermissions } from '#shared/contract/subjects.ts'
import type { NatsKeys } from './keys.ts'

/** User public key → time in seconds; every JWT of that user issued until then is void. */
export type Revocations = Record<string, number>

const unlimited = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 }
/**
 * Left out, not { max: 0, ttl: 0 } as the package puts into a template: the server reads that as its defaults, lets the user publish
 * to any reply subject it was given, remembers each for two minutes and, above 4,096, goes through all of them for each message.
 */
const noResponses = { resp: undefined } as object
/** The server fills in the name of the user's JWT, which is the agent id. */
const template = agentPermissions('{{name()}}')

/** An agent holds two subscriptions; more is only of use to somebody who wants the hub's memory. */
const agentSubscriptions = 16

export const operatorJwt = (keys: NatsKeys): Promise<string> =>
  encodeOperator('moorline', keys.operator.pair, { system_account: keys.systemAccount.publicKey })

export const systemAccountJwt = (keys: NatsKeys): Promise<string> =>
  encodeAccount('system', keys.systemAccount.pair, { limits: unlimited }, { signer: keys.operator.pair })

export const fleetAccountJwt = (keys: NatsKeys, revocations: Revocations): Promise<string> =>
  encodeAccount(
    'fleet',
    keys.fleetAccount.pair,
    {
      limits: { ...unlimited, disallow_bearer: true },
      revocations,
      // Nothing unless a user's own claims say so.
      default_permissions: { pub: { deny: ['>'] }, sub: { deny: ['>'] } },
      signing_keys: [
        newScopedSigner(keys.agentSigner.pair, 'agent', {
          subs: agentSubscriptions,
          data: -1,
          payload: limits.natsPayloadBytes,
          pub: { allow: template.publish },
          sub: { allow: template.subscribe },
          allowed_connection_types: ['STANDARD'],
          ...noResponses,
        }),
      ],
    },
    { signer: keys.operator.pair },
  )

/** The agent's permissions are in the account, under the signing key: whoever holds that key can make agents and nothing else. */
export const agentUserJwt = (keys: NatsKeys, agentId: string, publicKey: string, expiresAt: Date): Promise<string> =>
  encodeUser(
    agentId,
    publicKey,
    keys.fleetAccount.publicKey,
    {},
    { signer: keys.agentSigner.pair, scopedUser: true, exp: Math.floor(expiresAt.getTime() / 1000), algorithm: Algorithms.v2 },
  )

export const hubUserJwt = (keys: NatsKeys): Promise<string> =>
  encodeUser('hub', keys.hubUser.pair, keys.fleetAccount.pair, {
    subs: -1,
    data: -1,
    payload: -1,
    pub: { allow: ['hub.>'] },
    sub: { allow: ['fleet.>'] },
  })

export const systemUserJwt = (keys: NatsKeys): Promise<string> =>
  encodeUser('hub-system', keys.systemUser.pair, keys.systemAccount.pair, { subs: -1, data: -1, payload: -1 })
