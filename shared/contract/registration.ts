// What brings a Registered cluster's agent to this hub: the answer of …/clusters/NAME/registration. The secret in it is in this answer
// and nowhere else.
import Type, { type Static } from 'typebox'

export const Registration = Type.Object(
  {
    manifestCommand: Type.String({ description: 'One line for a shell whose kubectl reaches the cluster, as an admin of it.' }),
    hostCommand: Type.String({ description: 'One line for root on a control plane host of the cluster. One of the two is enough.' }),
    expiresAt: Type.String({ format: 'date-time', description: 'Until then one agent is let in, without another approval.' }),
    manifest: Type.String({ description: 'What the first command applies: YAML.' }),
  },
  { additionalProperties: false, description: 'Two ways to install the agent of a cluster. Holds a join token: keep it to yourself.' },
)
export type Registration = Static<typeof Registration>

/** On the join tokens of registrations, and on the Machines of the agents that came with them: these end with their Cluster. */
export const registrationLabel = 'moorline.dev/registration'
