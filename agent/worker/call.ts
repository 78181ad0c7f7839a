// Runs preflight and facts in a process of their own, so that what they load and allocate goes when they end: the agent that waits
// for the next task stays small. The worker is this same program.
import Value from 'typebox/value'
import type { Host } from '#agent/host/types.ts'
import { limits } from '#shared/contract/limits.ts'
import type { PreflightRow } from '#shared/contract/preflight.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { parseJson } from '#shared/schema/safe-json.ts'
import { workerCommand, WorkerLine, type WorkerRequest } from './protocol.ts'

const keptErrorBytes = 4096

export interface WorkerDeps {
  host: Host
  /** Program and first arguments that start this program again. */
  self: readonly string[]
}

export interface WorkerCall {
  signal: AbortSignal
  onRow?(row: PreflightRow): void
}

/** @throws OperatorError what the worker reports, or WorkerFailed; the signal's reason when aborted */
export async function callWorker({ host, self }: WorkerDeps, request: WorkerRequest, { signal, onRow }: WorkerCall): Promise<unknown> {
  const [program = '', ...args] = self
  let rest = Buffer.alloc(0)
  let errors = ''
  let answer: { result: unknown } | { failed: { code: string; message: string; next: string } } | undefined
  let broken: Error | undefined
  const readLine = (bytes: Buffer) => {
    const line = parseJson(bytes, { maxBytes: limits.taskResultBytes, maxDepth: limits.jsonDepth })
    if (!Value.Check(WorkerLine, line)) throw new Error('a line of another form')
    if ('row' in line) onRow?.(line.row)
    else answer = line
  }
  const take = (data: Buffer) => {
    rest = Buffer.concat([rest, data])
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      readLine(rest.subarray(0, at))
      rest = rest.subarray(at + 1)
    }
    if (rest.length > limits.taskResultBytes) throw new Error('a line over the limit')
  }
  const ended = await host.spawn(program, [...args, workerCommand], {
    // Failpoints are the agent's: its worker must not be killed in its place.
    env: { MOORLINE_FAILPOINTS: '' },
    stdin: JSON.stringify(request),
    signal,
    onOutput(stream, data) {
      if (stream === 'stderr') errors = (errors + data.toString('utf8')).slice(-keptErrorBytes)
      else if (!broken) {
        try {
          take(data)
        } catch (error) {
          broken = error as Error
        }
      }
    },
  })
  signal.throwIfAborted()
  if (broken) throw failure(`said something that cannot be read: ${broken.message}`, broken)
  if (answer && 'failed' in answer) throw new OperatorError(answer.failed.code, answer.failed.message, answer.failed.next)
  if (!answer)
    throw failure(`ended ${ended.signal ? `by ${ended.signal}` : `with exit code ${ended.exitCode}`} without a result. ${errors}`.trim())
  return answer.result
}

function failure(what: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'WorkerFailed',
    `the worker process ${what}`,
    'Run the task again; `moorline-agent preflight` on the machine shows the same by hand.',
    cause,
  )
}
