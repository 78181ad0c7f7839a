import Type, { type Static } from 'typebox'
import { Condition, type Resource, Timestamp } from './meta.ts'
import { taskStates } from './task-states.ts'

const closed = { additionalProperties: false } as const

export { type TaskStateName, taskStates } from './task-states.ts'

export const TaskSpec = Type.Object(
  {
    machine: Type.String({ maxLength: 253, description: 'Name of the Machine that performs it. Immutable.' }),
    action: Type.String({
      maxLength: 64,
      description: 'preflight, facts, exec or file; install-agent is performed by the hub. Immutable.',
    }),
    input: Type.Optional(Type.Unknown({ description: 'Parameters of the action. Immutable.' })),
    timeoutSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 86400, description: 'Time from acceptance to the end. Default 600.' }),
    ),
    deadline: Type.Optional(
      Type.String({ ...Timestamp, description: 'When it ends as TimedOut if it has not ended, also while the machine is away.' }),
    ),
    attempt: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Raise it to run a finished task again. Default 1.' })),
    cancel: Type.Optional(Type.Boolean({ description: 'True asks to stop it; cannot be taken back for this attempt.' })),
  },
  closed,
)
export type TaskSpec = Static<typeof TaskSpec>

export const TaskStatus = Type.Object(
  {
    state: Type.Enum([...taskStates]),
    attempt: Type.Optional(Type.Integer({ description: 'attempt that the rest of the status is about' })),
    reason: Type.Optional(Type.String({ maxLength: 128 })),
    message: Type.Optional(Type.String({ maxLength: 4096 })),
    progress: Type.Optional(
      Type.Object({ percent: Type.Integer({ minimum: 0, maximum: 100 }), message: Type.String({ maxLength: 1024 }) }, closed),
    ),
    result: Type.Optional(Type.Unknown({ description: 'what the action returned; rows appear while it runs' })),
    requestedBy: Type.Optional(
      Type.String({ maxLength: 253, description: 'user who asked for this attempt of a task that the hub performs itself' }),
    ),
    queuedAt: Type.Optional(Timestamp),
    agentId: Type.Optional(Type.String({ maxLength: 64, description: 'identity that this attempt was first sent to' })),
    deliveredAt: Type.Optional(Timestamp),
    startedAt: Type.Optional(Timestamp),
    finishedAt: Type.Optional(Timestamp),
    cancelRequestedAt: Type.Optional(Timestamp),
    droppedEvents: Type.Optional(Type.Integer({ description: 'log events lost to a full journal' })),
    logBytes: Type.Optional(Type.Integer()),
    conditions: Type.Optional(Type.Array(Condition)),
  },
  closed,
)
export type TaskStatus = Static<typeof TaskStatus>
export type Task = Resource<TaskSpec, TaskStatus>
