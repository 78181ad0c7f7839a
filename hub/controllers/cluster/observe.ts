// One look at a cluster: a handful of GETs as the hub's own identity. Which cluster it is and its version must be readable; the rest is
// kept as far as it could be read, with why not.
import { type ClusterNode, listedNodes } from '#shared/contract/cluster.ts'
import { type ClusterProbe, probeCluster } from '#hub/clusters/probe.ts'
import { ClusterReadError, type ClusterReader, readJson, readText } from '#hub/clusters/read.ts'
import type { ClusterStatus } from '#shared/contract/cluster.ts'
import { type Component, ComponentStatusList, componentStatuses, componentsMost, parseReadyz } from './components.ts'
import { clusterNode, NodeListPage, sumCapacity } from './nodes.ts'

export interface Observation extends ClusterProbe {
  nodes?: NonNullable<ClusterStatus['nodes']>
  capacity?: NonNullable<ClusterStatus['capacity']>
  components?: Component[]
  /** Why something of the rest could not be read; sentences. */
  unread: string[]
}

/** Small pages: what a cluster sends is parsed in one go, and the hub has others to serve. */
const pageSize = 50
const pageBytes = 4 * 1024 * 1024
const nodesMost = 20_000

/** @throws ClusterReadError when the cluster cannot be reached or is none */
export async function observeCluster(reader: ClusterReader): Promise<Observation> {
  const probe = await probeCluster(reader)
  const unread: string[] = []
  const orUnread = async <T>(asked: Promise<T>): Promise<T | undefined> => {
    try {
      return await asked
    } catch (error) {
      if (!(error instanceof ClusterReadError)) throw error
      unread.push(error.message)
      return undefined
    }
  }
  const listed = await orUnread(readNodes(reader))
  const ready = await orUnread(readReadyz(reader))
  const old = await orUnread(readComponentStatuses(reader))
  const components = ready || old ? [...(ready ?? []), ...(old ?? [])].slice(0, componentsMost) : undefined
  return { ...probe, ...listed, ...(components && { components }), unread }
}

async function readNodes(reader: ClusterReader): Promise<Pick<Required<Observation>, 'nodes' | 'capacity'>> {
  const found: ClusterNode[] = []
  const capacity = sumCapacity()
  let total = 0
  let ready = 0
  let next = ''
  do {
    const path = `/api/v1/nodes?limit=${pageSize}${next && `&continue=${encodeURIComponent(next)}`}`
    const page = await readJson(reader, path, NodeListPage, { maxBytes: pageBytes })
    for (const object of page.items ?? []) {
      total += 1
      capacity.add(object)
      const node = clusterNode(object)
      if (node.isReady) ready += 1
      found.push(node)
    }
    next = page.metadata?.continue ?? ''
    if (total > nodesMost) throw new ClusterReadError('NotUnderstood', `GET /api/v1/nodes: the cluster lists more than ${nodesMost} nodes`)
    // An empty page that promises another one would never end.
    if (next && !page.items?.length) throw new ClusterReadError('NotUnderstood', 'GET /api/v1/nodes: a page without nodes names a next one')
  } while (next)
  found.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { nodes: { total, ready, items: found.slice(0, listedNodes) }, capacity: capacity.total() }
}

async function readReadyz(reader: ClusterReader): Promise<Component[]> {
  const { status, text } = await readText(reader, '/readyz?verbose', { maxBytes: 64 * 1024 })
  const checks = status === 200 || status === 500 ? parseReadyz(text) : undefined
  if (checks) return checks
  if (status === 200) return [{ name: 'readyz', isHealthy: true }]
  throw new ClusterReadError(status === 403 ? 'Forbidden' : 'Failing', `GET /readyz: ${status}`)
}

/** Gone in some clusters, which is no trouble. */
async function readComponentStatuses(reader: ClusterReader): Promise<Component[]> {
  try {
    return componentStatuses(await readJson(reader, '/api/v1/componentstatuses', ComponentStatusList))
  } catch (error) {
    if (error instanceof ClusterReadError && error.reason === 'NotFound') return []
    throw error
  }
}
