// TLS 1.3 over a dialled socket. The only roots are fleet CA certificates whose public key is pinned; the system's roots are
// never asked. The names are the fixed virtual ones in the hub's certificate, so no DNS name has to be right.
import { createHash, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect, type ConnectionOptions, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { type Limits, timed } from '#agent/link/timed.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'

export const tlsTimeoutMs = 10_000

export interface Trust {
  /** PEM, one or more certificates. */
  fleetCa: string
  pins: readonly string[]
}

export interface ClientCertificate {
  /** PEM, leaf first. */
  cert: string
  /** PEM. */
  key: string
}

export interface TlsOptions {
  servername: string
  trust: Trust
  client?: ClientCertificate
  alpn?: string[]
}

export function pinOf(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
}

export function splitPem(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

/** Parsing a certificate costs as much as verifying a signature, and every connection of an agent asks for the same ones. */
let lastRoots: { fleetCa: string; pins: string; roots: string[] } | undefined

/** The certificates that may be roots. @throws AgentError HubNotTrusted when no certificate has a pinned key */
export function pinnedRoots({ fleetCa, pins }: Trust): string[] {
  const asked = pins.join()
  if (lastRoots?.fleetCa === fleetCa && lastRoots.pins === asked) return lastRoots.roots
  const roots = splitPem(fleetCa).filter((pem) => {
    const certificate = new X509Certificate(pem)
    return certificate.ca && pins.includes(pinOf(certificate))
  })
  if (roots.length === 0) throw new AgentError('HubNotTrusted', 'no certificate of the fleet CA has a pinned key')
  lastRoots = { fleetCa, pins: asked, roots }
  return roots
}

/** An identity's context is made once: parsing its key and certificates is a third of what a connection costs this process. */
const contexts = new WeakMap<ClientCertificate, { roots: string[]; cert: string; context: SecureContext }>()

/** What is shown and trusted. @throws AgentError HubNotTrusted */
function contextFor(trust: Trust, client: ClientCertificate | undefined): SecureContext {
  const roots = pinnedRoots(trust)
  const make = () => createSecureContext({ ca: roots, minVersion: 'TLSv1.3', ...(client && { cert: client.cert, key: client.key }) })
  if (!client) return make()
  const known = contexts.get(client)
  if (known?.roots === roots && known.cert === client.cert) return known.context
  const context = make()
  contexts.set(client, { roots, cert: client.cert, context })
  return context
}

/** Takes the socket over; destroys it when it fails. @throws AgentError HubNotTrusted, ClockWrong, IdentityRefused, DialTimeout */
export async function connectTls(socket: Socket, options: TlsOptions, limits: Limits): Promise<TLSSocket> {
  const { servername, trust, client, alpn } = options
  return handshake(
    socket,
    { servername, secureContext: contextFor(trust, client), rejectUnauthorized: true, ...(alpn && { ALPNProtocols: alpn }) },
    limits,
  )
}

/**
 * Shows nothing and trusts nothing: asks the server for its chain and returns the certificate in it whose key is pinned, as PEM.
 * The caller connects again with that as its only root, so that the chain itself is checked by OpenSSL.
 * @throws AgentError HubNotTrusted when the chain has no pinned key
 */
export async function fetchPinnedRoot(socket: Socket, servername: string, pins: readonly string[], limits: Limits): Promise<string> {
  const tls = await handshake(socket, { servername, minVersion: 'TLSv1.3', rejectUnauthorized: false }, limits)
  try {
    const seen = new Set<string>()
    for (let at = tls.getPeerX509Certificate(); at && !seen.has(at.fingerprint256); at = at.issuerCertificate) {
      if (at.ca && pins.includes(pinOf(at))) return at.toString()
      seen.add(at.fingerprint256)
    }
    throw new AgentError('HubNotTrusted', `none of the ${seen.size} certificates that the server sent has a pinned key`)
  } finally {
    tls.destroy()
  }
}

function handshake(socket: Socket, options: ConnectionOptions, limits: Limits): Promise<TLSSocket> {
  const tls = connect({ ...options, socket })
  return timed<TLSSocket>(
    `the TLS handshake for ${options.servername}`,
    limits,
    () => {
      tls.destroy()
      socket.destroy()
    },
    (resolve, reject) => {
      tls.once('error', (error) => reject(explainTls(error)))
      tls.once('close', () => reject(new AgentError('HubUnreachable', 'the connection was closed during the TLS handshake')))
      tls.once('secureConnect', () => {
        tls.removeAllListeners('error').removeAllListeners('close')
        tls.on('error', () => {})
        resolve(tls)
      })
    },
  )
}

/** OpenSSL's codes in the agent's words; anything else stays what it was. */
export function explainTls(error: Error): Error {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const said = `${messageOf(error)}${code === '' ? '' : ` (${code})`}`
  if (code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED') return new AgentError('ClockWrong', `hub certificate: ${said}`, error)
  if (/^ERR_SSL_TLSV1_ALERT|^ERR_SSL_TLSV13_ALERT|^ERR_SSL_SSLV3_ALERT/.test(code)) {
    return new AgentError('IdentityRefused', `the hub ended the TLS handshake: ${said}`, error)
  }
  if (/CERT|UNABLE_TO|SIGNATURE|ERR_TLS|ERR_SSL/.test(code)) return new AgentError('HubNotTrusted', `hub certificate: ${said}`, error)
  return error instanceof AgentError ? error : new AgentError('HubUnreachable', `TLS handshake: ${said}`, error)
}
