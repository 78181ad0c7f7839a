// NATS subjects. The agent id is random, lower-case base32, so it has no '.', '*' or '>'.

export const agentIdPattern = /^a[a-z2-7]{25}$/

export const fromAgent = {
  hello: (agentId: string) => `fleet.${agentId}.hello`,
  heartbeat: (agentId: string) => `fleet.${agentId}.heartbeat`,
  events: (agentId: string) => `fleet.${agentId}.events`,
  /** Where the hub asks the agent to answer. */
  reply: (agentId: string, id: string) => `fleet.${agentId}.reply.${id}`,
} as const

export const toAgent = {
  task: (agentId: string) => `hub.${agentId}.task`,
  cancel: (agentId: string) => `hub.${agentId}.cancel`,
  notice: (agentId: string) => `hub.${agentId}.notice`,
  /** Prefix of the only reply subjects that the hub answers to. */
  inboxPrefix: (agentId: string) => `hub.${agentId}.inbox`,
} as const

/** What an agent's NATS user may do; nothing else. */
export function agentPermissions(agentId: string): { publish: string[]; subscribe: string[] } {
  return { publish: [`fleet.${agentId}.>`], subscribe: [`hub.${agentId}.>`] }
}

/** Virtual names in the hub's agent certificate; no DNS is involved. */
export const serverNames = {
  enroll: 'enroll.fleet.internal',
  grpc: 'grpc.fleet.internal',
  nats: 'nats.fleet.internal',
  tunnel: 'tun.fleet.internal',
} as const
