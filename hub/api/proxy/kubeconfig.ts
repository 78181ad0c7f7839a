// GET …/clusters/NAME/kubeconfig: a file with which kubectl uses this cluster through the hub.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { stringify } from 'yaml'
import type { Cluster } from '#shared/contract/cluster.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { kubeconfigOf } from '#hub/auth/kubeconfig.ts'
import type { Auth, User } from '#hub/auth/types.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface KubeconfigRouteOptions {
  resources: Resources
  auth: Auth
  /** As clients reach this hub; the CA where theirs does not know it. */
  facts(): { publicUrl: string; caPem?: string }
}

/** For a file that lies about in a download folder. It ends with the session, too. */
const lifetimeSeconds = 24 * 60 * 60

export function registerKubeconfig(app: FastifyInstance, { resources, auth, facts }: KubeconfigRouteOptions): void {
  app.get<{ Params: { name: string } }>(
    `/apis/${apiVersion}/clusters/:name/kubeconfig`,
    { config: { access: { verb: 'get', kind: 'Cluster', subresource: 'kubeconfig' } } },
    async (request, reply) => {
      const { name } = request.params
      const user = request.user as User
      if (!resources.get<Cluster>('Cluster', name))
        throw new ApiError('NotFound', `clusters.moorline.dev "${name}" not found`, { kind: 'Cluster', name })
      if (!auth.clusterRoleOf(user, name))
        throw new ApiError('Forbidden', `user ${user.name} has no role for the cluster ${name}`, { kind: 'Cluster', name })
      const token = user.via === 'bearer' ? bearerOf(request) : await tokenOfSession(request, user, auth)
      const { publicUrl, caPem } = facts()
      const server = `${publicUrl.replace(/\/+$/, '')}/clusters/${name}/proxy`
      return reply
        .type('application/yaml')
        .header('content-disposition', `attachment; filename="${name}.kubeconfig"`)
        .send(stringify(kubeconfigOf({ name, server, caPem, token })))
    },
  )
}

/** The secret that came with this request; the hub itself keeps only its hash. */
function bearerOf({ headers }: FastifyRequest): string {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
}

/** Makes something although it is a GET, so that a link can download it: then only a page of this hub may ask (F-37). */
async function tokenOfSession(request: FastifyRequest, user: User, auth: Auth): Promise<string> {
  if (request.headers['sec-fetch-site'] !== 'same-origin')
    throw new ApiError('Forbidden', 'with a session, a kubeconfig is made for the pages of this hub only; use a token as bearer')
  const { token, expiresAt } = await auth.createToken(user, 'kubeconfig-', lifetimeSeconds)
  request.auditDetail = `a token until ${expiresAt ?? 'the session ends'}`
  return token
}
