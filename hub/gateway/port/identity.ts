// Who is at the other end of a mutual-TLS socket, from the verified certificate and nothing else.
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { agentIdPattern } from '#shared/contract/subjects.ts'
import { spiffeId } from '#hub/pki/certificates.ts'

export interface PeerIdentity {
  agentId: string
  /** Lower-case hex. */
  serial: string
  notAfter: Date
}

/** Undefined when the certificate is not one that this hub issues to agents. */
export function identityOf(socket: TLSSocket): PeerIdentity | undefined {
  if (!socket.authorized) return undefined
  const certificate = socket.getPeerX509Certificate() as X509Certificate | undefined
  return certificate === undefined ? undefined : identityFrom(certificate)
}

export function identityFrom(certificate: X509Certificate): PeerIdentity | undefined {
  const agentId = /^CN=(.*)$/.exec(certificate.subject)?.[1] ?? ''
  if (!agentIdPattern.test(agentId)) return undefined
  // Both names must agree, and there must be no other.
  if (certificate.subjectAltName !== `URI:${spiffeId(agentId)}`) return undefined
  return { agentId, serial: certificate.serialNumber.toLowerCase(), notAfter: certificate.validToDate }
}
