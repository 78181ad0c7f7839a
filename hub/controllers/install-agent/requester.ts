// Who asked for an installation. Noted as the last word before a user's write is stored, in the status: there no user but an admin writes.
import { isDeepStrictEqual } from 'node:util'
import { isHubAction } from '#shared/contract/actions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'

/** The object with the name of the user, when this write asks for an installation: by a new spec.ssh, a new Task or another attempt. */
export function withRequester(object: Resource, old: Resource | undefined, requestedBy: string): Resource {
  if (object.kind === 'Machine') {
    const machine = object as Machine
    const { ssh } = machine.spec
    if (!ssh || isDeepStrictEqual(ssh, (old as Machine | undefined)?.spec.ssh)) return object
    return { ...machine, status: { ...machine.status, ssh: { ...machine.status?.ssh, requestedBy } } }
  }
  if (object.kind === 'Task') {
    const { spec, status } = object as Task
    if (!isHubAction(spec.action) || spec.attempt === (old as Task | undefined)?.spec.attempt) return object
    return { ...object, status: { ...(status as TaskStatus), requestedBy } }
  }
  return object
}
