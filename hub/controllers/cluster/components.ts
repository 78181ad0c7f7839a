// The parts of a control plane as the API server judges them: checks of /readyz, and componentstatuses where a cluster has them. Pure.
import Type, { type Static } from 'typebox'
import type { ClusterStatus } from '#shared/contract/cluster.ts'
import { plainLine } from '#shared/schema/plain-line.ts'

export type Component = NonNullable<ClusterStatus['components']>[number]

export const componentsMost = 128

/**
 * `[+]etcd ok`, `[-]etcd failed: reason withheld`. Hooks after the start that have passed say nothing later on, so they are left out.
 * Undefined when the text is not of that form.
 */
export function parseReadyz(text: string): Component[] | undefined {
  const found: Component[] = []
  for (const line of text.split('\n').slice(0, 2_000)) {
    const [, sign, name = '', rest = ''] = /^\[([+-])\](\S{1,256})(?: (.*))?$/.exec(line.trim()) ?? []
    if (sign === undefined) continue
    const isHealthy = sign === '+'
    if (isHealthy && name.startsWith('poststarthook/')) continue
    const message = plainLine(rest, 1024)
    found.push({ name: plainLine(name, 128), isHealthy, ...(!isHealthy && message && { message }) })
  }
  return found.length > 0 ? found.slice(0, componentsMost) : undefined
}

const text = Type.Optional(Type.String({ maxLength: 65_536 }))
export const ComponentStatusList = Type.Object({
  items: Type.Union([
    Type.Array(
      Type.Object({
        metadata: Type.Object({ name: Type.String({ minLength: 1, maxLength: 253 }) }),
        conditions: Type.Optional(
          Type.Array(Type.Object({ type: Type.String(), status: Type.String(), message: text, error: text }), { maxItems: 100 }),
        ),
      }),
      { maxItems: 1_000 },
    ),
    Type.Null(),
  ]),
})

/**
 * kubeadm has closed the plain ports of scheduler and controller manager since 1.18, and componentstatuses still asks there: refused at
 * 10251 or 10252 of the API server's own host says nothing about them.
 */
const closedPort = /\/\/(127\.0\.0\.1|localhost|\[::1\]):1025[12]\/.*connection refused/

export function componentStatuses(list: Static<typeof ComponentStatusList>): Component[] {
  return (list.items ?? []).slice(0, componentsMost).flatMap(({ metadata, conditions = [] }) => {
    const healthy = conditions.find(({ type }) => type === 'Healthy')
    if (!healthy) return []
    const isHealthy = healthy.status === 'True'
    const said = healthy.message || healthy.error || ''
    if (!isHealthy && closedPort.test(said)) return []
    const message = plainLine(said, 1024)
    return [{ name: plainLine(metadata.name, 128), isHealthy, ...(!isHealthy && message && { message }) }]
  })
}
