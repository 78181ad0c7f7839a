// Who makes a call: looked up from the socket that carries it, and asked about again on every call and every message.
import {
  type CallProperties,
  type ServerInterceptor,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  status,
} from '@grpc/grpc-js'
import type { PeerCertificate } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { identityFrom, type PeerIdentity } from '../port/identity.ts'
import type { GatewayHandlers, SecurityEvent } from '../types.ts'
import { CallError } from './errors.ts'

export interface PeerChecks {
  isAllowed: GatewayHandlers['isAllowed']
  onSecurityEvent(event: SecurityEvent): void
}

interface AuthContext {
  sslPeerCertificate?: PeerCertificate
}

function identityOfContext(context: AuthContext): PeerIdentity | undefined {
  const raw = context.sslPeerCertificate?.raw
  return raw === undefined ? undefined : identityFrom(new X509Certificate(raw))
}

/** Throws CallError when the caller is not, or no longer, an agent of this hub. */
export function requireAgent(
  call: Pick<CallProperties<unknown, unknown>, never> & { getAuthContext(): AuthContext },
  checks: PeerChecks,
): PeerIdentity {
  const identity = identityOfContext(call.getAuthContext())
  if (identity === undefined) throw new CallError(status.UNAUTHENTICATED, 'The call did not come with the certificate of an agent.')
  const admission = checks.isAllowed(identity.agentId, identity.serial)
  if (!admission.ok) throw new CallError(status.PERMISSION_DENIED, `This identity is refused: ${admission.reason}.`)
  return identity
}

/** Refuses every call of a stranger before any handler runs, whatever service it names. */
export function agentsOnly(checks: PeerChecks): ServerInterceptor {
  return (method, call: ServerInterceptingCallInterface) =>
    new ServerInterceptingCall(call, {
      start(next) {
        try {
          requireAgent(call, checks)
          next()
        } catch (error) {
          if (!(error instanceof CallError)) throw error
          checks.onSecurityEvent({ kind: 'CallRefused', agentId: '', address: call.getPeer(), message: `${method.path}: ${error.message}` })
          call.sendStatus({ code: error.code, details: error.message })
        }
      },
    })
}
