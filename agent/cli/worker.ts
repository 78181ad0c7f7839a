// `moorline-agent worker`: what callWorker starts. Not for people: it reads one request from standard input and prints JSON lines.
import Value from 'typebox/value'
import { type Command, exitCodes } from '#agent/cli/types.ts'
import { createHost } from '#agent/host/create.ts'
import { type WorkerLine, WorkerRequest } from '#agent/worker/protocol.ts'
import { limits } from '#shared/contract/limits.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { parseJson } from '#shared/schema/safe-json.ts'

export const command: Command = async ({ env, clock, random, signal, stdin, stdout }) => {
  const say = (line: WorkerLine) => stdout.write(`${JSON.stringify(line)}\n`)
  const request = parseJson(await stdin(limits.taskInputBytes), { maxBytes: limits.taskInputBytes, maxDepth: limits.jsonDepth })
  if (!Value.Check(WorkerRequest, request))
    throw new OperatorError('UsageInvalid', 'standard input holds no request', 'This command is called by the agent.')
  const host = createHost({ clock, environment: env })
  try {
    if (request.kind === 'facts') {
      const [{ collectFacts }, { readHardware }] = await Promise.all([import('#agent/facts/collect.ts'), import('#agent/host/hardware.ts')])
      say({ result: await collectFacts({ host, clock, hardware: () => readHardware(clock) }) })
    } else {
      const { runPreflight } = await import('#agent/preflight/run.ts')
      say({ result: await runPreflight({ host, clock, random, signal, input: request.input, onRow: (row) => say({ row }) }) })
    }
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof OperatorError) || signal.aborted) throw error
    say({ failed: { code: error.code, message: error.message, next: error.next } })
    return exitCodes.failed
  }
}
