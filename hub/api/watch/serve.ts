// The watch verb: initial events when asked for, then changes in order, bookmarks, and 410 as an ERROR event when the client is behind
// the change log.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Timer } from '#shared/clock/clock.ts'
import { apiVersion, type Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { KindDefinition, WatchEvent } from '#hub/resources/types.ts'
import { toStatus } from '../errors.ts'
import type { Accepted } from '../http/accept.ts'
import { isTrue } from '../http/guard.ts'
import type { Presenter } from '../present/presenter.ts'
import { partialObject, table, tableRow } from '../present/table.ts'
import { listOptions, tableOptions } from '../routes/read.ts'
import type { ApiDeps, WatchLimits } from '../types.ts'
import { createScope } from './scope.ts'
import type { Streams } from './streams.ts'

export interface Watcher {
  serve(definition: KindDefinition, accepted: Accepted, request: FastifyRequest, reply: FastifyReply): FastifyReply
}

type Query = Record<string, string | undefined>

export function createWatcher(deps: ApiDeps, presenter: Presenter, streams: Streams, limits: WatchLimits): Watcher {
  const { resources, store, clock, metrics } = deps

  return {
    serve(definition, accepted, request, reply) {
      const query = request.query as Query
      const { kind } = definition
      const start = readStart(query)
      const { labelSelector, fieldSelector } = listOptions(query)
      const selectors = { labelSelector, fieldSelector }
      const timeoutSeconds = readTimeout(query.timeoutSeconds) ?? limits.defaultTimeoutSeconds
      // Selectors are checked here, so that a bad one is a 400 and not an event.
      const initial = start.from === undefined || start.sendsInitial ? resources.list(kind, selectors) : undefined
      if (!initial) resources.list(kind, { ...selectors, limit: 1 })
      const from = start.from !== undefined && !start.sendsInitial ? start.from : store.currentResourceVersion()

      let hasSentColumns = false
      const body = (object: Resource): string => {
        if (accepted.as === 'Table') {
          const options = tableOptions(definition, accepted, query, clock.now())
          const row = tableRow(presenter.object(object), options)
          const text = JSON.stringify(table([row], { resourceVersion: object.metadata.resourceVersion }, options, !hasSentColumns))
          hasSentColumns = true
          return text
        }
        if (accepted.as) return JSON.stringify(partialObject(presenter.object(object)))
        return presenter.text(object)
      }
      const bookmark = (version: number, annotations?: Record<string, string>): string => {
        const metadata = { resourceVersion: String(version), ...(annotations && { annotations }) }
        const object =
          accepted.as === 'Table'
            ? table([], metadata, tableOptions(definition, accepted, query, clock.now()), false)
            : accepted.as
              ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
              : { kind, apiVersion, metadata }
        return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`
      }

      const stream = streams.open(request, reply, 'application/json', timeoutSeconds)
      metrics.watchOpened(kind)
      let subscription: { close(): void } | undefined
      let bookmarks: Timer | undefined
      stream.onEnd((reason) => {
        subscription?.close()
        bookmarks?.cancel()
        metrics.watchClosed(kind, reason)
      })

      const scope = createScope(request.visible)
      const emit = (event: WatchEvent) => {
        const shown = scope(event)
        if (shown) stream.write(`{"type":"${shown.type}","object":${body(shown.object)}}\n`)
      }
      try {
        if (start.from !== undefined && start.from > store.currentResourceVersion())
          throw new ApiError('Expired', `resourceVersion ${start.from} is newer than any this hub has written; list again`)
        for (const object of initial?.items ?? []) {
          if (!stream.isOpen) break
          emit({ type: 'ADDED', object })
        }
        if (start.endsInitial) stream.write(bookmark(from, { 'k8s.io/initial-events-end': 'true' }))
        if (stream.isOpen) subscription = resources.watch(kind, from, selectors, emit)
        if (!stream.isOpen) subscription?.close()
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        stream.end('expired', `${JSON.stringify({ type: 'ERROR', object: toStatus(error, resources) })}\n`)
        return reply
      }
      if (isTrue(query.allowWatchBookmarks)) {
        const tick = () => {
          bookmarks = clock.setTimer(
            limits.bookmarkMs,
            () => {
              if (stream.write(bookmark(store.currentResourceVersion()))) tick()
            },
            true,
          )
        }
        tick()
      }
      return reply
    },
  }
}

interface Start {
  /** Undefined: from what is now. */
  from: number | undefined
  sendsInitial: boolean
  endsInitial: boolean
}

/** The table of "Streaming lists" and "Semantics for watch" in Kubernetes' API concepts. */
function readStart(query: Query): Start {
  const { resourceVersion = '', resourceVersionMatch, sendInitialEvents } = query
  if (!/^[0-9]{0,15}$/.test(resourceVersion))
    throw new ApiError('BadRequest', `resourceVersion must be a number, not ${resourceVersion.slice(0, 32)}`)
  const from = resourceVersion === '' || resourceVersion === '0' ? undefined : Number(resourceVersion)
  if (sendInitialEvents === undefined) {
    if (resourceVersionMatch) throw new ApiError('BadRequest', 'resourceVersionMatch is for a watch with sendInitialEvents only')
    return { from, sendsInitial: from === undefined, endsInitial: false }
  }
  if (resourceVersionMatch !== 'NotOlderThan') throw new ApiError('BadRequest', 'sendInitialEvents needs resourceVersionMatch=NotOlderThan')
  const wantsInitial = isTrue(sendInitialEvents)
  if (wantsInitial && !isTrue(query.allowWatchBookmarks))
    throw new ApiError('BadRequest', 'sendInitialEvents needs allowWatchBookmarks=true')
  return { from, sendsInitial: wantsInitial, endsInitial: wantsInitial }
}

function readTimeout(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text === '0') return undefined
  const seconds = Number(text)
  if (!(Number.isSafeInteger(seconds) && seconds > 0))
    throw new ApiError('BadRequest', `timeoutSeconds must be a whole number, not ${text}`)
  return Math.min(seconds, 24 * 3600)
}
