// kubectl auth can-i, auth can-i --list and auth whoami. Nothing is written, so nothing is audited.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { apiGroup } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { type User, type Verb, verbs } from '#hub/auth/types.ts'
import type { ApiDeps, RouteAccess, RouteInfo } from '../types.ts'

interface ResourceAttributes {
  group?: string
  resource?: string
  subresource?: string
  verb?: string
  name?: string
}

export function registerReviews(app: FastifyInstance, deps: ApiDeps, routes: readonly RouteInfo[]): void {
  const { auth, resources } = deps
  const config = { access: 'authenticated', isAudited: false } as const
  const userOf = (request: FastifyRequest) => request.user as User

  app.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { config }, (request, reply) => {
    const spec = specOf(request)
    const attributes = spec.resourceAttributes as ResourceAttributes | undefined
    const path = (spec.nonResourceAttributes as { path?: unknown } | undefined)?.path
    const status = attributes ? reviewResource(userOf(request), attributes) : reviewPath(userOf(request), String(path ?? ''))
    return reply.code(201).send({ kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec, status })
  })

  app.post('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { config }, (request, reply) =>
    reply.code(201).send({
      kind: 'SelfSubjectRulesReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: specOf(request),
      status: { ...rulesOf(userOf(request)), incomplete: false },
    }),
  )

  app.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', { config }, (request, reply) => {
    const { name, groups, tokenName } = userOf(request)
    const userInfo = { username: name, groups, extra: { 'moorline.dev/token': [tokenName] } }
    return reply.code(201).send({ kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1', metadata: {}, status: { userInfo } })
  })

  function reviewResource(user: User, { group = '', resource = '', subresource, verb = '', name }: ResourceAttributes): object {
    if (group !== apiGroup && group !== '*') return { allowed: false, reason: `this server has no kinds in the group "${group}"` }
    const chosenVerbs = verb === '*' ? verbs : [verb as Verb]
    const kinds = resource === '*' ? ['*'] : resources.definitions().flatMap(({ kind, plural }) => (plural === resource ? [kind] : []))
    if (kinds.length === 0) return { allowed: false, reason: `this server has no resource ${resource}.${group}` }
    for (const kind of kinds)
      for (const one of chosenVerbs) {
        const object = name && kind !== '*' ? resources.get(kind, name) : undefined
        const decision = auth.authorize(user, { verb: one, kind, subresource: subresource || undefined, name, objects: object && [object] })
        if (!decision.allowed || kind === '*' || one === chosenVerbs.at(-1)) return { allowed: decision.allowed, reason: decision.reason }
      }
    return { allowed: false, reason: 'nothing was asked' }
  }

  /** Paths outside the resource API, judged by what their routes say. */
  function reviewPath(user: User, path: string): object {
    const access: RouteAccess | undefined = routes.find((route) => route.method === 'GET' && route.url === path)?.access
    if (access === undefined) return { allowed: false, reason: `there is no path ${path}` }
    if (typeof access === 'string') return { allowed: true, reason: `${path} is open to every user` }
    const { allowed, reason } = auth.authorize(user, access)
    return { allowed, reason }
  }

  function rulesOf(user: User): object {
    const definitions = resources.definitions()
    const isAdmin = auth.rulesFor(user).some((rule) => rule.kinds.includes('*') && rule.subresource === undefined)
    const resourceRules = auth.rulesFor(user).flatMap((rule) => {
      const kinds = rule.kinds.includes('*') ? (isAdmin ? ['*'] : ['Cluster', 'Machine', 'JoinToken', 'Task']) : rule.kinds
      const names = kinds.flatMap((kind) =>
        kind === '*' ? ['*'] : definitions.filter((one) => one.kind === kind).map((one) => one.plural),
      )
      const known = names.filter((name) => name !== '*' || rule.kinds.includes('*'))
      if (known.length === 0) return []
      return [
        {
          verbs: rule.verbs,
          apiGroups: [apiGroup],
          resources: known.map((name) => (rule.subresource ? `${name}/${rule.subresource}` : name)),
        },
      ]
    })
    const reviews = { verbs: ['create'], apiGroups: ['authorization.k8s.io', 'authentication.k8s.io'], resources: ['*'] }
    const paths = ['/api', '/apis', '/apis/*', '/openapi', '/openapi/*', '/version', '/livez', '/readyz']
    return { resourceRules: [...resourceRules, reviews], nonResourceRules: [{ verbs: ['get'], nonResourceURLs: paths }] }
  }
}

function specOf(request: FastifyRequest): Record<string, unknown> {
  const spec = (request.body as { spec?: unknown } | undefined)?.spec ?? {}
  if (typeof spec !== 'object') throw new ApiError('BadRequest', 'the body has no spec')
  return spec as Record<string, unknown>
}
