// Follows the AccessBindings and answers which of them speak of a user. Kept as a list of compiled entries, renewed on change only.
import type { AccessBinding, RoleName } from '#shared/contract/access.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface Grant {
  role: RoleName
  /** Undefined: everywhere. */
  clusterRef?: string
  binding: string
}

export interface Bindings {
  grantsOf(user: { name: string; groups: readonly string[] }): readonly Grant[]
  close(): void
}

export function followBindings(resources: Resources): Bindings {
  let bySubject: Map<string, Grant[]> | undefined
  const subscription = resources.subscribe((change) => {
    if (change.kind === 'AccessBinding') bySubject = undefined
  })

  function compile(): Map<string, Grant[]> {
    const compiled = new Map<string, Grant[]>()
    for (const binding of resources.list<AccessBinding>('AccessBinding').items) {
      if (binding.metadata.deletionTimestamp) continue
      const grant: Grant = { role: binding.spec.role, clusterRef: binding.spec.clusterRef, binding: binding.metadata.name }
      for (const subject of binding.spec.subjects) {
        const key = `${subject.kind}/${subject.name}`
        const grants = compiled.get(key)
        if (grants) grants.push(grant)
        else compiled.set(key, [grant])
      }
    }
    return compiled
  }

  return {
    grantsOf(user) {
      bySubject ??= compile()
      const grants = [...(bySubject.get(`User/${user.name}`) ?? [])]
      for (const group of user.groups) grants.push(...(bySubject.get(`Group/${group}`) ?? []))
      return grants
    },
    close: () => subscription.close(),
  }
}
