// The subresources of Task: log (followed until the attempt has ended and all of it is sent) and cancel.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { apiVersion, type Resource } from '#shared/contract/meta.ts'
import type { Task } from '#shared/contract/task.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { TaskLogRow } from '#hub/store/types.ts'
import { isTrue } from '../http/guard.ts'
import { createChunkDecoder, escapeControls, safeJson } from '../present/safe-text.ts'
import type { Presenter } from '../present/presenter.ts'
import type { ApiDeps } from '../types.ts'
import type { OpenStream, Streams } from '../watch/streams.ts'

const pageBytes = 512 * 1024

export function registerTaskRoutes(
  app: FastifyInstance,
  deps: ApiDeps,
  presenter: Presenter,
  streams: Streams,
  timeoutSeconds: number,
): void {
  const { resources, store, log } = deps
  const base = `/apis/${apiVersion}/tasks/:name`

  app.get(`${base}/log`, { config: { access: { verb: 'get', kind: 'Task', subresource: 'log' } } }, (request, reply) => {
    const task = taskOf(request)
    const query = request.query as Record<string, string | undefined>
    const sinceSeq = wholeNumber('sinceSeq', query.sinceSeq, 0)
    const attempt = wholeNumber('attempt', query.attempt, task.status?.attempt ?? task.spec.attempt ?? 1)
    const isJson = query.format === 'json'
    if (query.format !== undefined && query.format !== 'json' && query.format !== 'text')
      throw new ApiError('BadRequest', 'format must be text or json')
    const stream = streams.open(request, reply, isJson ? 'application/x-ndjson' : 'text/plain; charset=utf-8', timeoutSeconds)
    const print = isJson ? printJson() : printText()
    sendLog(task, attempt, sinceSeq, isTrue(query.follow), stream, print).catch((error: unknown) => {
      log.error({ error, requestId: request.id, task: task.metadata.name }, 'reading a task log failed')
      stream.abort()
    })
    return reply
  })

  app.post(`${base}/cancel`, { config: { access: { verb: 'create', kind: 'Task', subresource: 'cancel' } } }, async (request, reply) => {
    const { name } = taskOf(request).metadata
    const canceled = await resources.modify<Task>('Task', name, (task) =>
      task.spec.cancel || isEnded(task, task.spec.attempt ?? 1) ? undefined : { ...task, spec: { ...task.spec, cancel: true } },
    )
    const task: Resource = canceled ?? taskOf(request)
    return reply.type('application/json').send(presenter.text(task))
  })

  function taskOf(request: FastifyRequest): Task {
    const { name } = request.params as { name: string }
    const task = resources.get<Task>('Task', name)
    if (!task) throw new ApiError('NotFound', `tasks.moorline.dev "${name}" not found`, { kind: 'Task', name })
    return task
  }

  async function sendLog(
    task: Task,
    attempt: number,
    sinceSeq: number,
    isFollowed: boolean,
    stream: OpenStream,
    print: (row: TaskLogRow) => string,
  ): Promise<void> {
    const { uid = '', name } = task.metadata
    let isDirty = true
    let wake: () => void = () => {}
    const look = () => {
      isDirty = true
      wake()
    }
    const logs = store.onTaskLog((taskUid) => taskUid === uid && look())
    const changes = resources.subscribe((change) => change.kind === 'Task' && change.name === name && look())
    stream.onEnd(() => {
      logs.close()
      changes.close()
      wake()
    })
    let last = sinceSeq
    while (stream.isOpen) {
      isDirty = false
      // Read before the rows: an attempt that has ended by now has all its rows committed.
      const current = resources.get<Task>('Task', name)
      const hasEnded = !isFollowed || current?.metadata.uid !== uid || isEnded(current, attempt)
      const rows = await store.taskLog(uid, attempt, last, pageBytes)
      for (const row of rows) {
        stream.write(print(row))
        last = row.sequence
      }
      await stream.drained()
      if (rows.length > 0) continue
      if (hasEnded) return stream.end('timeout')
      await new Promise<void>((resolve) => (isDirty || !stream.isOpen ? resolve() : (wake = resolve)))
    }
  }
}

/** The attempt is over: terminal, or a later one has taken its place. */
function isEnded({ status, spec }: Task, attempt: number): boolean {
  const current = status?.attempt ?? spec.attempt ?? 1
  return current > attempt || (current === attempt && status !== undefined && isTerminal(status.state))
}

function printJson(): (row: TaskLogRow) => string {
  const decode = createChunkDecoder()
  return ({ sequence, at, stream, data }) => `${safeJson({ sequence, at, stream, text: decode(stream, data) })}\n`
}

function printText(): (row: TaskLogRow) => string {
  const decode = createChunkDecoder()
  return ({ stream, data }) => escapeControls(decode(stream, data))
}

function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!(Number.isSafeInteger(value) && value >= 0)) throw new ApiError('BadRequest', `${name} must be a whole number`)
  return value
}
