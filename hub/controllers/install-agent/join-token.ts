// The right of one agent to become one Machine: made when everything else is ready, gone when the installation has ended.
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Resources } from '#hub/resources/types.ts'

const ttlSeconds = 900

/** The same for every attempt, so that a restarted hub finds what it left. */
export const tokenName = (task: Task): string => task.metadata.name

/** The secret. An earlier token of the task ends. */
export async function createJoinToken(resources: Resources, task: Task, machine: Machine): Promise<string> {
  await endJoinToken(resources, task)
  const { clusterRef, role } = machine.spec
  const created = await resources.create<JoinToken>('JoinToken', {
    metadata: { name: tokenName(task), labels: { 'moorline.dev/trigger': 'install-agent' } },
    spec: {
      ...{ uses: 1, ttlSeconds, approval: 'Automatic', machineRef: machine.metadata.name },
      ...(clusterRef && { clusterRef }),
      ...(role && { role }),
    },
  })
  const token = created.status?.token
  if (!token) throw new Error('the join token came without its secret')
  return token
}

/** Nobody can ask with it any more. Safe to repeat. */
export async function endJoinToken(resources: Resources, task: Task): Promise<void> {
  const token = resources.get<JoinToken>('JoinToken', tokenName(task))
  if (!token) return
  try {
    await resources.delete('JoinToken', tokenName(task), { preconditions: { uid: token.metadata.uid } })
  } catch (error) {
    if (!(error instanceof ApiError && (error.code === 'NotFound' || error.code === 'Conflict'))) throw error
  }
}
