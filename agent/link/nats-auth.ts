// Proof of the NATS user key: the server's nonce, signed with the seed that never left this machine.
import { fromSeed } from '@nats-io/nkeys'

export interface NatsProof {
  jwt: string
  nkey: string
  /** Base64url without padding, as nats-server wants it. */
  sig: string
}

export function natsProof(jwt: string, seed: string, nonce: string | undefined): NatsProof {
  const key = fromSeed(Buffer.from(seed))
  const sig = nonce === undefined ? '' : Buffer.from(key.sign(Buffer.from(nonce))).toString('base64url')
  return { jwt, nkey: key.getPublicKey(), sig }
}
