// Identities for simulated agents, obtained like any agent's (join token, pinned hub key, CSR), but kept in memory and asked for
// over one channel.
import { createHash, X509Certificate } from 'node:crypto'
import { createKeys, publicHalf } from '#agent/enroll/keys.ts'
import { dial, type Endpoint } from '#agent/link/dialer.ts'
import { createProcedures, emptyMetadata } from '#agent/link/grpc.ts'
import { fetchPinnedRoot, splitPem } from '#agent/link/tls.ts'
import type { Identity } from '#agent/link/types.ts'
import { EnrollmentServiceClient, type EnrollResponse, EnrollState } from '#proto/moorline/v1/procedures.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'

export interface SimulatedIdentity {
  identity: Identity
  machineFingerprint: string
}

export const simulatedVersion = 'simulated'

/** Enrols `names.length` machines with join tokens that approve automatically; `tokens[i]` is used for `names[i]`. */
export async function enrollAll(
  { hub, pins, names, tokens }: { hub: Endpoint; pins: readonly string[]; names: readonly string[]; tokens: readonly string[] },
  onEnrolled: (count: number) => void,
): Promise<SimulatedIdentity[]> {
  const signal = new AbortController().signal
  const socket = await dial({ ...hub, clock: systemClock, signal })
  const fleetCa = await fetchPinnedRoot(socket, serverNames.enroll, pins, { clock: systemClock, timeoutMs: 10_000, signal })
  const procedures = createProcedures({
    hub,
    clock: systemClock,
    tls: () => ({ servername: serverNames.enroll, trust: { fleetCa, pins: [...pins] } }),
    onError: (error) => process.stderr.write(`enrolment: ${error.message}\n`),
  })
  const client = procedures.client(EnrollmentServiceClient)
  const found: SimulatedIdentity[] = []
  let next = 0
  async function worker(): Promise<void> {
    while (next < names.length) {
      const index = next++
      const hostname = names[index] as string
      const keys = createKeys()
      const half = publicHalf(keys)
      const machineFingerprint = createHash('sha256').update(hostname).digest('hex')
      const answer = await new Promise<EnrollResponse>((resolve, reject) => {
        const request = {
          joinToken: tokens[index] as string,
          csr: half.csr,
          natsPublicKey: half.natsPublicKey,
          hostname,
          machineFingerprint,
          agentVersion: simulatedVersion,
          os: 'linux',
          architecture: 'x64',
          addresses: [],
        }
        client.enroll(request, emptyMetadata(), { deadline: Date.now() + 60_000 }, (error, reply) =>
          error ? reject(error) : resolve(reply),
        )
      })
      if (answer.state !== EnrollState.APPROVED || !answer.identity) throw new Error(`${hostname} was not approved: ${answer.message}`)
      const leaf = new X509Certificate(splitPem(answer.identity.certificateChain)[0] as string)
      found.push({
        machineFingerprint,
        identity: {
          generation: 1,
          agentId: answer.agentId,
          machineName: answer.machineName,
          fleetCa: answer.identity.fleetCa,
          pins: answer.identity.pins,
          cert: answer.identity.certificateChain,
          key: keys.privateKey,
          serial: leaf.serialNumber.toLowerCase(),
          notBefore: new Date(leaf.validFrom),
          notAfter: new Date(leaf.validTo),
          natsUserJwt: answer.identity.natsUserJwt,
          natsSeed: keys.natsSeed,
          taskSigningKeys: answer.identity.taskSigningKeys.map((key) => Buffer.from(key)),
        },
      })
      onEnrolled(found.length)
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  procedures.close()
  return found
}
