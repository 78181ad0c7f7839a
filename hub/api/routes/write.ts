// create, update, patch, delete, deletecollection and the status subresource.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { apiGroup, apiVersion, type Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { User, Verb } from '#hub/auth/types.ts'
import { withoutSealed } from '#hub/resources/sealed.ts'
import type { Admit, KindDefinition } from '#hub/resources/types.ts'
import { checkCredentials } from '../http/credential-use.ts'
import { applyJsonPatch, applyMergePatch } from '../body/json-patch.ts'
import { checkValue } from '../body/safe-parse.ts'
import { negotiate } from '../http/accept.ts'
import { check } from '../http/guard.ts'
import type { Presenter } from '../present/presenter.ts'
import type { ApiDeps } from '../types.ts'
import { listOptions, notFound, send } from './read.ts'
import { deleteOptions, setWarnings, writeOptions } from './write-options.ts'

type Query = Record<string, string | undefined>
const patchAttempts = 20
const deletesAtOnce = 50

export function registerWrites(app: FastifyInstance, deps: ApiDeps, presenter: Presenter): void {
  const { resources, admit } = deps

  for (const definition of resources.definitions()) {
    const { kind } = definition
    const base = `/apis/${apiVersion}/${definition.plural}`
    const access = (verb: Verb, subresource?: 'status') => ({ config: { access: { verb, kind, subresource } } })

    app.post(base, access('create'), (request, reply) => create(definition, request, reply))
    app.delete(base, access('deletecollection'), (request, reply) => deleteCollection(definition, request, reply))
    app.delete(`${base}/:name`, access('delete'), (request, reply) => deleteOne(definition, request, reply))
    app.put(`${base}/:name`, access('update'), (request, reply) => update(definition, request, reply))
    app.patch(`${base}/:name`, access('patch'), (request, reply) => patch(definition, request, reply))
    app.put(`${base}/:name/status`, access('update', 'status'), (request, reply) => update(definition, request, reply, 'status'))
    app.patch(`${base}/:name/status`, access('patch', 'status'), (request, reply) => patch(definition, request, reply, 'status'))
  }

  /** For users limited to a cluster: the object as it would become must be theirs too. */
  function checkScope(definition: KindDefinition, verb: Verb, request: FastifyRequest, objects: readonly unknown[]): void {
    if (!request.visible) return
    const known = objects.map((object): Resource => ({ ...(object as Resource), kind: definition.kind }))
    check(request, request.user as User, { verb, kind: definition.kind, objects: known }, deps.auth)
    for (const object of known) checkCredentials(request.visible, object, resources)
  }

  function admitFor(request: FastifyRequest): Admit | undefined {
    return admit && ((object, old) => admit(object, old, request.user as User))
  }

  function answer(request: FastifyRequest, reply: FastifyReply, object: Resource, warnings: readonly string[]): FastifyReply {
    setWarnings(reply, warnings)
    request.auditName = object.metadata.name
    return send(
      reply,
      negotiate(request.headers.accept, () => false),
      presenter.object(object),
    )
  }

  function body(definition: KindDefinition, request: FastifyRequest): Record<string, unknown> {
    if (typeof request.body !== 'object' || request.body === null || Array.isArray(request.body))
      throw new ApiError('BadRequest', `the body must be a ${definition.kind} object`)
    return request.body as Record<string, unknown>
  }

  async function create(definition: KindDefinition, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const options = writeOptions(request.query as Query)
    const object = body(definition, request)
    checkScope(definition, 'create', request, [object])
    noteDryRun(request, options.dryRun)
    const created = await resources.create(definition.kind, object, { ...options, admit: admitFor(request) })
    reply.code(201)
    return answer(request, reply, created, options.warnings)
  }

  async function update(
    definition: KindDefinition,
    request: FastifyRequest,
    reply: FastifyReply,
    subresource?: 'status',
  ): Promise<FastifyReply> {
    const options = writeOptions(request.query as Query)
    const object = body(definition, request)
    checkScope(definition, 'update', request, [object])
    noteDryRun(request, options.dryRun)
    const { name } = request.params as { name: string }
    return answer(
      request,
      reply,
      await resources.update(definition.kind, name, object, { ...options, admit: admitFor(request), subresource }),
      options.warnings,
    )
  }

  async function patch(
    definition: KindDefinition,
    request: FastifyRequest,
    reply: FastifyReply,
    subresource?: 'status',
  ): Promise<FastifyReply> {
    const options = writeOptions(request.query as Query)
    const { name } = request.params as { name: string }
    const apply = patcher(request)
    noteDryRun(request, options.dryRun)
    for (let attempt = 1; ; attempt++) {
      const current = resources.get(definition.kind, name)
      if (!current) throw notFound(definition, name)
      // A patch sees what its caller can see.
      const patched = apply(withoutSealed(current)) as Resource
      checkValue(patched)
      if (typeof patched !== 'object' || patched === null || typeof patched.metadata !== 'object' || patched.metadata === null)
        throw new ApiError('BadRequest', `the patch does not leave a ${definition.kind} object`)
      checkScope(definition, 'patch', request, [current, patched])
      // Whoever names a resourceVersion means that one; otherwise a conflict is between two patches and ours is tried again.
      const isBound = patched.metadata.resourceVersion !== current.metadata.resourceVersion
      try {
        const warnings: string[] = []
        const written = await resources.update(definition.kind, name, patched, {
          ...options,
          admit: admitFor(request),
          warnings,
          subresource,
        })
        return answer(request, reply, written, warnings)
      } catch (error) {
        if (isBound || attempt === patchAttempts || !(error instanceof ApiError && error.code === 'Conflict')) throw error
      }
    }
  }

  async function deleteOne(definition: KindDefinition, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const options = deleteOptions(request.query as Query, request.body)
    const { name } = request.params as { name: string }
    noteDryRun(request, options.dryRun)
    const deleted = await resources.delete(definition.kind, name, options)
    const warning = definition.deleteWarning?.(deleted)
    if (warning && !options.dryRun) setWarnings(reply, [warning])
    if (deleted.metadata.deletionTimestamp && resources.get(definition.kind, name)?.metadata.uid === deleted.metadata.uid)
      return answer(request, reply, deleted, [])
    return send(
      reply,
      negotiate(request.headers.accept, () => false),
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        details: { name, group: apiGroup, kind: definition.plural, uid: deleted.metadata.uid },
      },
    )
  }

  async function deleteCollection(definition: KindDefinition, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const options = deleteOptions(request.query as Query, request.body)
    noteDryRun(request, options.dryRun)
    const { items, ...metadata } = resources.list(definition.kind, listOptions(request.query as Query))
    const chosen = request.visible ? items.filter(request.visible) : items
    const deleted: Resource[] = []
    for (let at = 0; at < chosen.length; at += deletesAtOnce)
      deleted.push(...(await Promise.all(chosen.slice(at, at + deletesAtOnce).map((item) => deleteListed(definition, item, options)))))
    request.auditDetail = `${deleted.length} objects`
    return send(
      reply,
      negotiate(request.headers.accept, () => false),
      {
        kind: `${definition.kind}List`,
        apiVersion,
        metadata,
        items: deleted.map((item) => presenter.object(item)),
      },
    )
  }

  async function deleteListed(definition: KindDefinition, item: Resource, options: ReturnType<typeof deleteOptions>): Promise<Resource> {
    try {
      return await resources.delete(definition.kind, item.metadata.name, { ...options, preconditions: { uid: item.metadata.uid } })
    } catch (error) {
      // Deleted by somebody else since the list: it is gone, as was asked.
      if (error instanceof ApiError && error.code === 'NotFound') return item
      throw error
    }
  }
}

function noteDryRun(request: FastifyRequest, isDryRun: boolean | undefined): void {
  if (isDryRun) request.auditDetail = 'dry run'
}

/** The function that a patch body means, by content type. */
function patcher(request: FastifyRequest): (current: Resource) => unknown {
  switch (request.bodyType) {
    case 'application/json-patch+json':
      return (current) => applyJsonPatch(current, request.body)
    case 'application/merge-patch+json':
      return (current) => applyMergePatch(current, request.body)
    case 'application/apply-patch+yaml':
      throw new ApiError(
        'UnsupportedMediaType',
        'server-side apply is not supported; use `kubectl apply` without --server-side, which sends a merge patch',
      )
    default:
      throw new ApiError(
        'UnsupportedMediaType',
        `the patch type ${request.bodyType ?? '(none)'} is not supported; supported: application/json-patch+json, application/merge-patch+json`,
      )
  }
}
