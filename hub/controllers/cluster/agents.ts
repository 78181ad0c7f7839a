// The agents that registrations brought end with their Cluster: a Machine of one that is gone is deleted, and its identity with it.
// Level-triggered: what a stop of the hub has left is found at the next start.
import type { Machine } from '#shared/contract/machine.ts'
import { registrationLabel } from '#shared/contract/registration.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Controller, StatusControllerDeps } from '#hub/controllers/runtime/status-controller.ts'
import { createWorkQueue } from '#hub/controllers/runtime/work-queue.ts'

export function createAgentEnds({ resources, clock, random, log }: StatusControllerDeps): Controller {
  const agents = () => resources.list<Machine>('Machine', { labelSelector: registrationLabel }).items
  const queue = createWorkQueue({
    name: 'agents of deleted clusters',
    ...{ concurrency: 1, clock, random, log },
    async reconcile(cluster) {
      if (resources.get('Cluster', cluster)) return
      for (const { metadata, spec } of agents()) {
        if (spec.clusterRef !== cluster || metadata.deletionTimestamp) continue
        try {
          await resources.delete('Machine', metadata.name)
        } catch (error) {
          if (!(error instanceof ApiError && error.code === 'NotFound')) throw error
        }
        log.info({ machine: metadata.name, cluster }, 'the agent of a deleted cluster has lost its identity')
      }
    },
  })
  let subscription: { close(): void } | undefined
  return {
    start() {
      subscription = resources.subscribe(({ kind, type, name }) => {
        if (kind === 'Cluster' && type === 'DELETED') queue.add(name)
      })
      for (const { spec } of agents()) if (spec.clusterRef !== undefined) queue.add(spec.clusterRef)
    },
    async stop() {
      subscription?.close()
      await queue.stop()
    },
  }
}
