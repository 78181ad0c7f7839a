// Proof of the NATS user key: the server's nonce, signed with the seed that never left this machine.
import { openUserSeed } from '#shared/nkeys/user-key.ts'

export interface NatsProof {
  jwt: string
  nkey: string
  /** Base64url without padding, as nats-server wants it. */
  sig: string
}

export function natsProof(jwt: string, seed: string, nonce: string | undefined): NatsProof {
  const key = openUserSeed(seed)
  const sig = nonce === undefined ? '' : key.sign(Buffer.from(nonce)).toString('base64url')
  return { jwt, nkey: key.publicKey, sig }
}
