// Names under which the hub's users act inside a cluster. The registration manifest lets the agent impersonate these groups and no
// others, and binds them to ClusterRoles there.

/** Before every user of the hub. */
export const kubeUserPrefix = 'moorline:'

/** The hub's own observations. No user may have this name. */
export const hubIdentityUser = 'moorline:hub'

/** Roles of the hub, and what the hub itself reads. */
export const kubeGroups = {
  view: 'moorline:view',
  edit: 'moorline:edit',
  admin: 'moorline:admin',
  observe: 'moorline:observe',
} as const

export const allKubeGroups: readonly string[] = Object.values(kubeGroups)
