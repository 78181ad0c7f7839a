// GET …/clusters/NAME/rights: what an imported cluster needs so that the hub's users may work in it. Bindings of the hub's groups, and of
// the right to impersonate them for credentials that are not an admin's. It holds no secret.
import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { Cluster } from '#shared/contract/cluster.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Resources } from '#hub/resources/types.ts'
import { groupRights, impersonatorRole } from './rights.ts'

export function registerImportedRights(app: FastifyInstance, { resources }: { resources: Resources }): void {
  app.get<{ Params: { name: string } }>(
    `/apis/${apiVersion}/clusters/:name/rights`,
    { config: { access: { verb: 'get', kind: 'Cluster', subresource: 'rights' } } },
    (request, reply) => {
      const { name } = request.params
      const cluster = resources.get<Cluster>('Cluster', name)
      if (!cluster) throw new ApiError('NotFound', `clusters.moorline.dev "${name}" not found`, { kind: 'Cluster', name })
      if (cluster.spec.type !== 'Imported')
        throw new ApiError('BadRequest', `cluster ${name} is of type ${cluster.spec.type}: its registration gives the rights`, {
          ...{ kind: 'Cluster', name },
        })
      return reply.type('application/yaml').send(importedRightsYaml())
    },
  )
}

export function importedRightsYaml(): string {
  return [...groupRights(), impersonatorRole()]
    .map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 }))
    .join('---\n')
}
