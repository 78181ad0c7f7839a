// The discovery documents that kubectl's RESTMapper reads, plain and aggregated, made from the kind definitions.
import { apiGroup, apiVersion, apiVersionName } from '#shared/contract/meta.ts'
import type { KindDefinition } from '#hub/resources/types.ts'

export const resourceVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const

interface SubresourceInfo {
  name: string
  kind: string
  verbs: readonly string[]
  /** Group of the subresource's own kind where it differs. */
}

/** Subresources of a kind in the order they are listed. */
export function subresourcesOf({ kind }: KindDefinition): SubresourceInfo[] {
  const status = { name: 'status', kind, verbs: ['get', 'patch', 'update'] }
  if (kind === 'Cluster')
    return [
      { name: 'kubeconfig', kind, verbs: ['get'] },
      { name: 'registration', kind, verbs: ['create'] },
      { name: 'rights', kind, verbs: ['get'] },
      status,
    ]
  if (kind !== 'Task') return [status]
  return [{ name: 'cancel', kind, verbs: ['create'] }, { name: 'log', kind, verbs: ['get'] }, status]
}

/** Review kinds of Kubernetes' own groups; each can only be created. */
export const reviewGroups = [
  {
    group: 'authentication.k8s.io',
    resources: [{ plural: 'selfsubjectreviews', singular: 'selfsubjectreview', kind: 'SelfSubjectReview' }],
  },
  {
    group: 'authorization.k8s.io',
    resources: [
      { plural: 'selfsubjectaccessreviews', singular: 'selfsubjectaccessreview', kind: 'SelfSubjectAccessReview' },
      { plural: 'selfsubjectrulesreviews', singular: 'selfsubjectrulesreview', kind: 'SelfSubjectRulesReview' },
    ],
  },
] as const

const groupEntry = (group: string, version: string) => {
  const entry = { groupVersion: `${group}/${version}`, version }
  return { name: group, versions: [entry], preferredVersion: entry }
}

export function apiVersions(): object {
  return { kind: 'APIVersions', versions: [], serverAddressByClientCIDRs: [] }
}

export function apiGroupList(): object {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: [...reviewGroups.map(({ group }) => groupEntry(group, 'v1')), groupEntry(apiGroup, apiVersionName)],
  }
}

export function apiGroupDocument(group: string, version: string): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, version) }
}

export function apiResourceList(definitions: readonly KindDefinition[]): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersion,
    resources: definitions.flatMap((definition) => [
      {
        name: definition.plural,
        singularName: definition.singular,
        namespaced: false,
        kind: definition.kind,
        verbs: resourceVerbs,
        shortNames: definition.shortNames,
        categories: definition.categories,
      },
      ...subresourcesOf(definition).map(({ name, kind, verbs }) => ({
        name: `${definition.plural}/${name}`,
        singularName: '',
        namespaced: false,
        kind,
        verbs,
      })),
    ]),
  }
}

export function reviewResourceList({ group, resources }: (typeof reviewGroups)[number]): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${group}/v1`,
    resources: resources.map(({ plural, singular, kind }) => ({
      name: plural,
      singularName: singular,
      namespaced: false,
      kind,
      verbs: ['create'],
    })),
  }
}

/** apidiscovery.k8s.io: everything in one answer. `/api` has no groups, `/apis` has all. */
export function aggregated(version: string, definitions: readonly KindDefinition[] | undefined): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: definitions ? [...reviewGroups.map(aggregatedReviews), aggregatedOwn(definitions)] : [],
  }
}

function aggregatedOwn(definitions: readonly KindDefinition[]): object {
  return {
    metadata: { name: apiGroup, creationTimestamp: null },
    versions: [
      {
        version: apiVersionName,
        freshness: 'Current',
        resources: definitions.map((definition) => ({
          resource: definition.plural,
          responseKind: { group: apiGroup, version: apiVersionName, kind: definition.kind },
          scope: 'Cluster',
          singularResource: definition.singular,
          verbs: resourceVerbs,
          shortNames: definition.shortNames,
          categories: definition.categories,
          subresources: subresourcesOf(definition).map(({ name, kind, verbs }) => ({
            subresource: name,
            responseKind: { group: apiGroup, version: apiVersionName, kind },
            verbs,
          })),
        })),
      },
    ],
  }
}

function aggregatedReviews({ group, resources }: (typeof reviewGroups)[number]): object {
  return {
    metadata: { name: group, creationTimestamp: null },
    versions: [
      {
        version: 'v1',
        freshness: 'Current',
        resources: resources.map(({ plural, singular, kind }) => ({
          resource: plural,
          responseKind: { group, version: 'v1', kind },
          scope: 'Cluster',
          singularResource: singular,
          verbs: ['create'],
        })),
      },
    ],
  }
}
