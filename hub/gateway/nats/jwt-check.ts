// Checks that a NATS user JWT was issued by this hub to one agent. The server verifies the same signature again, and that the
// client holds the user's key; what only the hub can know is to whom the certificate of this very connection belongs.
import type { Verifier } from './nkey.ts'

interface UserClaims {
  iss: string
  sub: string
  name: string
  exp?: number
  nats: { type?: string; issuer_account?: string }
}

/** Returns what is wrong, or undefined when the JWT is the agent's own. */
export function jwtProblem(jwt: string, agentId: string, signer: Verifier, now: Date): string | undefined {
  const [header = '', body = '', signature = '', ...rest] = jwt.split('.')
  if (rest.length > 0) return 'it is not a JWT'
  let claims: UserClaims
  try {
    claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as UserClaims
  } catch {
    return 'it is not a JWT'
  }
  if (claims === null || typeof claims !== 'object' || claims.iss !== signer.publicKey) return 'it was not issued by this hub'
  if (!signer.verify(Buffer.from(`${header}.${body}`), Buffer.from(signature, 'base64url'))) return 'its signature is wrong'
  if (claims.nats?.type !== 'user') return 'it is not the JWT of a user'
  if (claims.name !== agentId) return 'it belongs to another agent'
  if (claims.exp !== undefined && claims.exp * 1000 <= now.getTime()) return 'it has expired'
  return undefined
}
