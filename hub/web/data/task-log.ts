// The log of one task as an external store: follows it, resumes after the last sequence number, ends with the task.
import { type Clock, waitFor } from '#shared/clock/clock.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import { type ApiFailure, asFailure } from '../api/failure.ts'
import { apiPath } from '../api/kinds.ts'
import { readNdjson } from '../api/ndjson.ts'
import { createLineAssembler, type LogLine, type LogLimits, type LogRecord } from '../derive/log-lines.ts'
import { watchBackoff } from './informer.ts'

export interface LogSnapshot {
  lines: readonly LogLine[]
  droppedLines: number
  phase: 'loading' | 'following' | 'ended' | 'retrying' | 'refused'
  failure?: ApiFailure
}
export interface TaskLogOptions {
  task: string
  attempt: number
  send(path: string, init: RequestInit): Promise<Response>
  clock: Clock
  random: () => number
  schedule(show: () => void): void
  limits?: LogLimits
}
export interface TaskLog {
  /** Says whether the attempt is over: a stream that ends then was the whole of it. */
  setOver(isOver: boolean): void
  subscribe(onChange: () => void): () => void
  snapshot(): LogSnapshot
}

export function createTaskLog(options: TaskLogOptions): TaskLog {
  const { clock, task, attempt } = options
  const assembler = createLineAssembler(options.limits)
  const listeners = new Set<() => void>()
  let lastSequence = 0
  let current: LogSnapshot = { lines: [], droppedLines: 0, phase: 'loading' }
  let phase: Pick<LogSnapshot, 'phase' | 'failure'> = { phase: 'loading' }
  let isOver = false
  let isScheduled = false
  let running: AbortController | undefined

  function changed(): void {
    if (isScheduled) return
    isScheduled = true
    options.schedule(() => {
      isScheduled = false
      current = { ...phase, lines: assembler.lines(), droppedLines: assembler.droppedLines() }
      for (const listener of listeners) listener()
    })
  }
  function enter(next: typeof phase): void {
    phase = next
    changed()
  }

  async function read(signal: AbortSignal): Promise<void> {
    const query = new URLSearchParams({ follow: 'true', format: 'json', attempt: String(attempt), sinceSeq: String(lastSequence) })
    const response = await options.send(`${apiPath('tasks', task, 'log')}?${query}`, { signal })
    if (!response.body) return
    enter({ phase: 'following' })
    for await (const value of readNdjson(response.body)) {
      const record = value as LogRecord
      if (record.sequence <= lastSequence) continue
      lastSequence = record.sequence
      assembler.push({ sequence: record.sequence, at: String(record.at), stream: String(record.stream), text: String(record.text ?? '') })
      changed()
    }
  }

  async function follow(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const before = lastSequence
        const wasOver = isOver
        await read(signal)
        if (wasOver) return enter({ phase: 'ended' })
        failures = lastSequence > before ? 0 : failures + 1
      } catch (error) {
        if (signal.aborted) return
        const failure = asFailure(error)
        failures++
        if ([401, 403, 404].includes(failure.status)) return enter({ phase: 'refused', failure })
        enter({ phase: 'retrying', failure })
      }
      // Aborted: the loop ends by its own condition.
      await waitFor(clock, 250 + fullJitterMs(failures, options.random(), watchBackoff), signal).catch(() => undefined)
    }
  }

  return {
    setOver(next) {
      isOver = next
    },
    subscribe(onChange) {
      listeners.add(onChange)
      if (!running) {
        running = new AbortController()
        void follow(running.signal)
      }
      return () => {
        listeners.delete(onChange)
        if (listeners.size > 0) return
        running?.abort()
        running = undefined
      }
    },
    snapshot: () => current,
  }
}
