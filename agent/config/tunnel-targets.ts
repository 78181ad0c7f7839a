// The `tunnel` part of the machine's policy: what the hub may connect to through this machine. Without it, nothing.
import Type, { type Static } from 'typebox'
import { kubeTarget, terminalTarget, tunnelTargetPattern } from '#shared/contract/tunnel.ts'
import { parseAddress } from '#shared/net/address.ts'

const closed = { additionalProperties: false } as const

export const TunnelPolicy = Type.Object(
  {
    targets: Type.Optional(
      Type.Record(
        Type.String({ pattern: tunnelTargetPattern.source }),
        Type.Object(
          {
            host: Type.String({ minLength: 1, maxLength: 253, description: 'an address in full, localhost, or a DNS name' }),
            port: Type.Integer({ minimum: 1, maximum: 65_535 }),
          },
          closed,
        ),
        { ...closed, maxProperties: 64, description: 'what the hub may connect to through this machine, by name; default nothing' },
      ),
    ),
  },
  closed,
)
export type TunnelPolicy = Static<typeof TunnelPolicy>

const reserved = {
  [kubeTarget]: 'use the part "kubernetes" of the policy instead',
  [terminalTarget]: 'use the part "terminal" of the policy instead',
} as const

/** What the schema cannot say; undefined when nothing is wrong. */
export function tunnelPolicyProblem(policy: TunnelPolicy | undefined): string | undefined {
  for (const [name, part] of Object.entries(reserved))
    if (policy?.targets && Object.hasOwn(policy.targets, name)) return `tunnel.targets.${name}: this name has a meaning of its own; ${part}`
  const wrong = Object.entries(policy?.targets ?? {}).find(([, { host }]) => !isHost(host))
  return wrong && `tunnel.targets.${wrong[0]}.host: must be an address in full, localhost or a DNS name`
}

/** 0x7f000001, 2130706433, 0177.1 and the like are addresses to some resolvers only: what is not the same to all is refused. */
function isHost(host: string): boolean {
  if (parseAddress(host) !== undefined) return !host.includes('%')
  const labels = host.split('.')
  const isName = labels.every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))
  return isName && !/^([0-9]+|0[xX][0-9a-fA-F]*)$/.test(labels.at(-1) ?? '')
}
