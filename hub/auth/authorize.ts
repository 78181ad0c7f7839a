// Decides from the table in rules.ts and the user's grants. A grant that is limited to a cluster covers that Cluster, the Machines,
// JoinTokens and Credentials that name it, and the Tasks of those Machines; every object a request touches must be covered. A name of which
// there is no object is judged like one of another cluster: to whom not everything is shown, the answer must not tell what there is.
import type { Credential } from '#shared/contract/credential.ts'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Task } from '#shared/contract/task.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Bindings } from './bindings.ts'
import { rolesThatMay } from './rules.ts'
import type { Attributes, Decision, User } from './types.ts'

/** The cluster an object belongs to; undefined when it belongs to none. */
export function clusterOf(object: Resource, resources: Resources): string | undefined {
  switch (object.kind) {
    case 'Cluster':
      return object.metadata?.name
    case 'Machine':
      return (object as Machine).spec?.clusterRef
    case 'JoinToken': {
      const { clusterRef, machineRef } = (object as Partial<JoinToken>).spec ?? {}
      // Its bearer becomes that Machine, so it is of that Machine's cluster or of none.
      return machineRef === undefined || clusterOfMachine(machineRef, resources) === clusterRef ? clusterRef : undefined
    }
    case 'Credential':
      return (object as Credential).spec?.clusterRef
    case 'Task':
      return clusterOfMachine((object as Task).spec?.machine, resources)
    default:
      return undefined
  }
}

const clusterOfMachine = (name: unknown, resources: Resources): string | undefined =>
  typeof name === 'string' ? resources.get<Machine>('Machine', name)?.spec.clusterRef : undefined

export function createAuthorizer(resources: Resources, bindings: Bindings): (user: User, attributes: Attributes) => Decision {
  return (user, { verb, kind, subresource, name, objects }) => {
    const what = `${verb} ${kind}${subresource ? `/${subresource}` : ''}${name ? ` ${name}` : ''}`
    const roles = rolesThatMay(verb, kind, subresource)
    const grants = bindings.grantsOf(user).filter((grant) => roles.includes(grant.role))
    if (grants.length === 0)
      return { allowed: false, reason: `user ${user.name} may not ${what}: this needs the role ${roles.join(' or ') || 'of nobody'}` }
    const everywhere = grants.find((grant) => grant.clusterRef === undefined)
    if (everywhere) return { allowed: true, reason: `AccessBinding ${everywhere.binding} gives ${everywhere.role}` }

    const clusters = new Set(grants.map((grant) => grant.clusterRef))
    const isCovered = (object: Resource) => {
      const cluster = clusterOf(object, resources)
      return cluster !== undefined && clusters.has(cluster)
    }
    const isNew = verb === 'create' && subresource === undefined
    const isMissing = name !== undefined && !isNew && !objects?.length
    if (isMissing || objects?.some((object) => !isCovered(object)))
      return {
        ...{ allowed: false, isOutside: true },
        reason: `user ${user.name} may not ${what}: the AccessBindings of this user are limited to the cluster ${[...clusters].join(', ')}`,
      }
    return { allowed: true, reason: `limited to the cluster ${[...clusters].join(', ')}`, filter: isCovered }
  }
}
