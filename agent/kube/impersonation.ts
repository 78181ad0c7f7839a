// The last gate before the cluster: whatever the hub or a bug in it asks for, a stream acts as its own user, in the hub's own groups.
// The stream's user is bound to the tunnel by an HMAC; system:masters, a service account or another user never pass.
import { allKubeGroups, hubIdentityUser, kubeGroups, kubeUserPrefix } from '#shared/kubernetes/identity.ts'
import { type Headers, type RawHeaders, toHeaderValue, valuesOf } from '#shared/kubernetes/headers.ts'

export type Impersonation = { ok: true; headers: Headers } | { ok: false; message: string }

export function checkImpersonation(raw: RawHeaders, streamUser: string): Impersonation {
  const refuse = (message: string): Impersonation => ({ ok: false, message: `${message}; this agent does not send it to the cluster` })
  const user = `${kubeUserPrefix}${streamUser}`
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    if (name.startsWith('impersonate-') && name !== 'impersonate-user' && name !== 'impersonate-group')
      return refuse(`the request has the field ${name.slice(0, 64)}`)
  }
  const users = valuesOf(raw, 'impersonate-user')
  if (users.length !== 1 || users[0] !== toHeaderValue(user))
    return refuse(`the request is not made as ${user}, for whom the stream was opened`)
  const groups = valuesOf(raw, 'impersonate-group')
  if (groups.length === 0 || groups.length > allKubeGroups.length) return refuse(`the request names ${groups.length} groups`)
  const foreign = groups.find((group) => !allKubeGroups.includes(group) || (group === kubeGroups.observe) !== (user === hubIdentityUser))
  if (foreign !== undefined) return refuse(`the request names the group ${JSON.stringify(foreign.slice(0, 64))}`)
  return { ok: true, headers: { 'impersonate-user': users[0] ?? '', 'impersonate-group': groups } }
}
