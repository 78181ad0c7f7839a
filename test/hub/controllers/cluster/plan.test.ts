import test from 'ava'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { planCluster } from '#hub/controllers/cluster/plan.ts'

const now = new Date('2030-01-01T00:00:00Z')
const cluster: Cluster = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'c' }, spec: { type: 'Registered' } }
const machine = (name: string, phase: string): Machine => ({
  apiVersion: 'moorline.dev/v1alpha1',
  kind: 'Machine',
  metadata: { name },
  spec: { clusterRef: 'c' },
  status: {
    phase,
    conditions: [
      {
        type: 'Connected',
        status: phase === 'Connected' ? 'True' : 'False',
        reason: 'R',
        message: '',
        lastTransitionTime: now.toISOString(),
      },
    ],
  },
})
const ready = (machines: Machine[]) =>
  planCluster(cluster, machines, now).status?.conditions?.find((condition) => condition.type === 'Ready')

test('a cluster says what it waits for, who is away, or that it is ready', (t) => {
  t.is(ready([])?.reason, 'NoMachines')
  t.is(ready([machine('a', 'Pending')])?.reason, 'WaitingForMachines')
  t.is(ready([machine('a', 'Connected')])?.status, 'True')
  const away = ready([machine('a', 'Connected'), machine('b', 'Disconnected')])
  t.is(away?.reason, 'MachinesDisconnected')
  t.regex(away?.message ?? '', /b$/)
})

test('counts are of its machines and an unchanged cluster is not written', (t) => {
  const machines = [machine('a', 'Connected'), machine('b', 'Pending')]
  const status = planCluster(cluster, machines, now).status
  t.deepEqual(status?.machines, { total: 2, connected: 1, pending: 1 })
  t.is(planCluster({ ...cluster, status }, machines, now).status, undefined)
})
