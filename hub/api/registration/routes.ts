// POST …/clusters/NAME/registration makes the two commands that bring the agent of a Registered cluster here, and the join token in
// them; GET /registration/manifest.yaml is what the first of them fetches, with that token and nothing else.
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '#shared/clock/clock.ts'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { JoinToken } from '#shared/contract/join-token.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { type Registration, registrationLabel } from '#shared/contract/registration.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { User } from '#hub/auth/types.ts'
import { hashToken, tokenPattern } from '#hub/resources/tokens.ts'
import type { Resources } from '#hub/resources/types.ts'
import { createFailureLimiter } from '../http/failure-limiter.ts'
import { hubAddress, type InstallFacts } from '../install/facts.ts'
import { hostCommand, manifestCommand, manifestPath } from './command.ts'
import { manifestYaml } from './manifest.ts'

export interface RegistrationDeps {
  resources: Resources
  /** Asked for each registration: pins change when a key is rotated. */
  facts(): InstallFacts
  /** Container image of the agent. */
  agentImage: string
  clock: Clock
}

const lifetimeSeconds = 24 * 60 * 60

export function registerRegistration(app: FastifyInstance, { resources, facts, agentImage, clock }: RegistrationDeps): void {
  const failures = createFailureLimiter(clock)

  function manifestFor(cluster: string, joinToken: string): string {
    const { publicUrl, fleetPins } = facts()
    return manifestYaml({ cluster, joinToken, hub: hubAddress(publicUrl), fleetPins, image: agentImage })
  }

  app.post<{ Params: { name: string } }>(
    `/apis/${apiVersion}/clusters/:name/registration`,
    { config: { access: { verb: 'create', kind: 'Cluster', subresource: 'registration' } } },
    async (request, reply) => {
      const { name } = request.params
      const { name: userName } = request.user as User
      checkCluster(resources.get<Cluster>('Cluster', name), name)
      const token = await resources.create<JoinToken>('JoinToken', {
        apiVersion,
        kind: 'JoinToken',
        metadata: {
          generateName: `${name.slice(0, 200)}-registration-`,
          labels: { [registrationLabel]: 'true' },
          annotations: { 'moorline.dev/made-by': userName },
        },
        spec: { clusterRef: name, uses: 1, ttlSeconds: lifetimeSeconds, approval: 'Automatic' },
      })
      const { token: secret, expiresAt } = token.status ?? {}
      if (secret === undefined || expiresAt === undefined)
        throw new ApiError('InternalError', 'the new join token has no secret; JoinToken must issue one on create')
      request.auditDetail = `join token ${token.metadata.name} until ${expiresAt}`
      const registration: Registration = {
        manifestCommand: manifestCommand(facts(), secret),
        hostCommand: hostCommand(facts(), secret),
        expiresAt,
        manifest: manifestFor(name, secret),
      }
      return reply.code(201).header('cache-control', 'no-store').type('application/json').send(JSON.stringify(registration))
    },
  )

  app.get(manifestPath, { config: { access: 'public' } }, (request, reply) => {
    failures.check(request.ip)
    const secret = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const token = tokenPattern.test(secret) ? tokenOf(hashToken(secret)) : undefined
    if (!token) {
      failures.fail(request.ip)
      return refuse(reply, 401, 'This path needs the join token of a registration.')
    }
    const cluster = token.spec.clusterRef ?? ''
    request.auditName = cluster
    request.auditDetail = `the manifest, with join token ${token.metadata.name}`
    const why = whyNot(token, clock.now())
    if (why) return refuse(reply, 403, `${why} Make a new command at the hub.`)
    return reply
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff')
      .type('application/yaml')
      .send(manifestFor(cluster, secret))
  })

  /** The compared values are hashes of what the caller sent: their timing tells nothing about a token. */
  function tokenOf(hash: string): JoinToken | undefined {
    const { items } = resources.list<JoinToken>('JoinToken', { labelSelector: registrationLabel })
    return items.find(({ status }) => status?.tokenHash === hash)
  }
}

function checkCluster(cluster: Cluster | undefined, name: string): void {
  if (!cluster) throw new ApiError('NotFound', `clusters.moorline.dev "${name}" not found`, { kind: 'Cluster', name })
  if (cluster.metadata.deletionTimestamp) throw new ApiError('Conflict', `cluster ${name} is being deleted`, { kind: 'Cluster', name })
  if (cluster.spec.type !== 'Registered')
    throw new ApiError(
      'BadRequest',
      `cluster ${name} is of type ${cluster.spec.type}; only one of type Registered has an agent to install`,
      {
        ...{ kind: 'Cluster', name },
      },
    )
}

/** Undefined while it would let an agent in. */
function whyNot({ metadata, spec, status }: JoinToken, now: Date): string | undefined {
  if (metadata.deletionTimestamp || spec.revoked) return 'The join token has been revoked.'
  if (!status?.expiresAt || Date.parse(status.expiresAt) <= now.getTime()) return 'The join token has expired.'
  if ((status.used ?? 0) >= (spec.uses ?? 1)) return 'The join token has been used.'
  return undefined
}

function refuse(reply: FastifyReply, code: number, message: string): FastifyReply {
  return reply.code(code).type('text/plain; charset=utf-8').send(`${message}\n`)
}
