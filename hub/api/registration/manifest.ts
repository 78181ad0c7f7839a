// What registers a cluster: objects for `kubectl apply -f -`, good for Kubernetes 1.19 and later. Applied again it changes nothing but
// the join token; the identity, once there, stays in a Secret that no manifest has data for.
import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { agentDeployment } from './deployment.ts'
import { agentName, identitySecret, joinSecret, type KubeObject, labels, namespace, policyConfigMap } from './names.ts'
import { agentRights, groupRights } from './rights.ts'

export interface ManifestFacts {
  cluster: string
  joinToken: string
  /** host:port as agents reach it. */
  hub: string
  fleetPins: readonly string[]
  /** Container image of the agent. */
  image: string
}

/** Nothing but the way to the cluster's API: no tasks, no other targets. */
const policy = { allowedActions: [], kubernetes: { source: 'serviceAccount' } }

export function manifestObjects({ cluster, joinToken, hub, fleetPins, image }: ManifestFacts): KubeObject[] {
  const secret = (name: string, stringData?: Record<string, string>): KubeObject => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, labels }, type: 'Opaque' },
    ...(stringData && { stringData }),
  })
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { ...labels, 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: agentName, namespace, labels } },
    ...groupRights(),
    ...agentRights(identitySecret),
    secret(joinSecret, { token: joinToken, hub, pins: fleetPins.join(',') }),
    secret(identitySecret),
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: policyConfigMap, namespace, labels } },
      data: { 'agent-policy.json': `${JSON.stringify(policy, undefined, 2)}\n` },
    },
    agentDeployment({ cluster, image, registration: createHash('sha256').update(joinToken).digest('hex').slice(0, 16) }),
  ]
}

export function manifestYaml(facts: ManifestFacts): string {
  // No aliases: what is the same twice is written twice, for people and for parsers that refuse them.
  return manifestObjects(facts)
    .map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 }))
    .join('---\n')
}
