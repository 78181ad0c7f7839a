// What the hub's key material offers to the rest of the hub.
import type { webcrypto } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import type { SignedOrder } from '#proto/moorline/v1/control.ts'

export interface AgentCertificate {
  /** Leaf, then its issuer. */
  chainPem: string
  /** Lower-case hex, 32 digits. */
  serial: string
  notBefore: Date
  notAfter: Date
}

/** What is left of a CSR once it is parsed and its signature is checked. */
export interface VerifiedCsr {
  publicKey: webcrypto.CryptoKey
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
  publicKeyHash: string
  /** The same hash in groups of four digits, as both sides show it. */
  fingerprint: string
}

export interface TaskSigner {
  /** Raw ed25519 public keys, 32 bytes: current, next. */
  readonly publicKeys: Buffer[]
  sign(payload: Uint8Array): SignedOrder
}

export interface WebIdentity {
  key: string
  /** Leaf, then its issuer. */
  cert: string
  /** Base64 SHA-256 of the SubjectPublicKeyInfo: the key in use, then the one prepared to follow it. */
  pins: string[]
  /** True when the operator's own files are served instead of a certificate of the fleet CA. */
  isOperatorProvided: boolean
}

export interface Pki {
  /** Every fleet CA to trust now: current, next, and those whose certificates have not all expired. */
  readonly fleetCaPem: string
  /** Base64 SHA-256 of the fleet CA's SubjectPublicKeyInfo: current, next. */
  readonly pins: string[]
  readonly web: WebIdentity
  /** For the servers that agents talk to: fixed virtual names, fleet CAs as `ca`, TLS 1.3. Read it again after `refresh()` says changed. */
  readonly agentTls: SecureContextOptions
  readonly taskSigner: TaskSigner
  issueAgentCertificate(request: { csr: VerifiedCsr; agentId: string; machineName: string }): Promise<AgentCertificate>
  /** Renews server certificates that are near their end and forgets CAs that have nothing left to vouch for. */
  refresh(): Promise<{ changed: boolean }>
  /** The prepared CA becomes the issuer and another is prepared. Throws OperatorError when the last rotation is younger than a certificate's life. */
  rotateCa(): Promise<void>
  /** The prepared signing key comes into use and another is prepared. */
  rotateTaskSigner(): Promise<void>
}
