// What the agent and its short-lived worker process say to each other: one JSON document in, JSON lines out.
import Type, { type Static } from 'typebox'
import { PreflightInput } from '#shared/contract/actions.ts'
import { PreflightRow } from '#shared/contract/preflight.ts'

export const workerCommand = 'worker'

export const WorkerRequest = Type.Union([
  Type.Object({ kind: Type.Literal('preflight'), input: PreflightInput }),
  Type.Object({ kind: Type.Literal('facts') }),
])
export type WorkerRequest = Static<typeof WorkerRequest>

export const WorkerLine = Type.Union([
  Type.Object({ row: PreflightRow }),
  Type.Object({ result: Type.Unknown() }),
  Type.Object({ failed: Type.Object({ code: Type.String(), message: Type.String(), next: Type.String() }) }),
])
export type WorkerLine = Static<typeof WorkerLine>
