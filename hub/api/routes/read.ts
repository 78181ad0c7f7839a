// get and list, as objects, Tables or metadata only; `?watch` goes to watch.ts.
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { stringify } from 'yaml'
import { apiVersion, type Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { KindDefinition, ListOptions } from '#hub/resources/types.ts'
import { type Accepted, asPartial, asTable, negotiate } from '../http/accept.ts'
import { isTrue } from '../http/guard.ts'
import type { Presenter } from '../present/presenter.ts'
import { type IncludeObject, partialObject, table, type TableOptions, tableRow } from '../present/table.ts'
import type { ApiDeps } from '../types.ts'
import type { Watcher } from '../watch/serve.ts'

type Query = Record<string, string | undefined>
const chunkCharacters = 256 * 1024

export function registerReads(app: FastifyInstance, deps: ApiDeps, presenter: Presenter, watcher: Watcher): void {
  const { resources, clock } = deps

  for (const definition of resources.definitions()) {
    const base = `/apis/${apiVersion}/${definition.plural}`
    const { kind } = definition

    app.get(base, { config: { access: { verb: 'list', kind } } }, (request, reply) => {
      const query = request.query as Query
      const accepted = negotiate(request.headers.accept, (as, version) => asTable(as, version) || asPartial(as, version))
      if (isTrue(query.watch)) return watcher.serve(definition, accepted, request, reply)
      return sendList(definition, accepted, request, reply)
    })
    for (const suffix of ['', '/status'])
      app.get(
        `${base}/:name${suffix}`,
        { config: { access: { verb: 'get', kind, ...(suffix && { subresource: 'status' }) } } },
        (request, reply) => {
          const { name } = request.params as { name: string }
          const object = resources.get(kind, name)
          if (!object) throw notFound(definition, name)
          return sendObject(definition, object, request, reply)
        },
      )
  }

  function sendObject(definition: KindDefinition, object: Resource, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const accepted = negotiate(request.headers.accept, (as, version) => asTable(as, version) || asPartial(as, version))
    const shown = presenter.object(object)
    if (accepted.as === 'Table') {
      const options = tableOptions(definition, accepted, request.query as Query, clock.now())
      const { resourceVersion } = object.metadata
      return send(reply, accepted, table([tableRow(shown, options)], { resourceVersion }, options))
    }
    if (accepted.as) return send(reply, accepted, partialObject(shown))
    if (accepted.format === 'yaml') return send(reply, accepted, shown)
    return reply.type('application/json').send(presenter.text(object))
  }

  function sendList(definition: KindDefinition, accepted: Accepted, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { items: all, ...rest } = resources.list(definition.kind, listOptions(request.query as Query))
    const items = request.visible ? all.filter(request.visible) : all
    const metadata = { ...rest, ...(request.visible && { remainingItemCount: undefined }) }
    if (accepted.as === 'Table') {
      const options = tableOptions(definition, accepted, request.query as Query, clock.now())
      const head = JSON.stringify(table([], metadata, options)).slice(0, -2)
      return stream(reply, head, items, (item) => JSON.stringify(tableRow(presenter.object(item), options)), ']}')
    }
    if (accepted.as) {
      const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: [] }
      return stream(reply, JSON.stringify(head).slice(0, -2), items, (item) => JSON.stringify(partialObject(presenter.object(item))), ']}')
    }
    const head = { kind: `${definition.kind}List`, apiVersion, metadata, items: [] as Resource[] }
    if (accepted.format === 'yaml') return send(reply, accepted, { ...head, items: items.map((item) => presenter.object(item)) })
    return stream(reply, JSON.stringify(head).slice(0, -2), items, (item) => presenter.text(item), ']}')
  }
}

/** Written piece by piece: a long list neither blocks the hub nor stands in memory twice. The first piece is made before the answer starts, so that an error is still an error. */
function stream(
  reply: FastifyReply,
  head: string,
  items: readonly Resource[],
  text: (item: Resource) => string,
  tail: string,
): FastifyReply {
  function* pieces(): Generator<string> {
    let piece = head
    for (let index = 0; index < items.length; index++) {
      piece += (index === 0 ? '' : ',') + text(items[index] as Resource)
      if (piece.length < chunkCharacters) continue
      yield piece
      piece = ''
    }
    yield piece + tail
  }
  const iterator = pieces()
  const first = iterator.next()
  const second = iterator.next()
  reply.type('application/json')
  if (second.done) return reply.send(first.value)
  function* all(): Generator<string> {
    yield first.value as string
    yield second.value as string
    yield* iterator
  }
  return reply.send(Readable.from(all(), { objectMode: false }))
}

export function send(reply: FastifyReply, accepted: Accepted, body: object): FastifyReply {
  if (accepted.format === 'yaml') return reply.type('application/yaml').send(stringify(body))
  return reply.type('application/json').send(JSON.stringify(body))
}

export function listOptions(query: Query): ListOptions {
  const limit = query.limit === undefined || query.limit === '' ? undefined : Number(query.limit)
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    throw new ApiError('BadRequest', `limit must be a whole number, not ${query.limit}`)
  return {
    labelSelector: query.labelSelector || undefined,
    fieldSelector: query.fieldSelector || undefined,
    limit,
    continue: query.continue || undefined,
  }
}

export function tableOptions(definition: KindDefinition, accepted: Accepted, query: Query, now: Date): TableOptions {
  const includeObject = query.includeObject ?? 'Metadata'
  if (!['None', 'Metadata', 'Object'].includes(includeObject))
    throw new ApiError('BadRequest', `includeObject must be None, Metadata or Object, not ${includeObject}`)
  return { definition, version: accepted.version ?? 'v1', includeObject: includeObject as IncludeObject, now }
}

export function notFound(definition: KindDefinition, name: string): ApiError {
  return new ApiError('NotFound', `${definition.plural}.moorline.dev "${name}" not found`, { kind: definition.kind, name })
}
