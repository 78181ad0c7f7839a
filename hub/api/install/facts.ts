// What the hub says of itself in the install command and script.
import { X509Certificate, createHash } from 'node:crypto'

export interface InstallFacts {
  /** https://host[:port] as machines reach it. */
  publicUrl: string
  /** Of the port as browsers and curl see it. */
  web: { cert: string; pins: readonly string[]; isOperatorProvided: boolean }
  /** Base64 SHA-256 of the fleet CA's SubjectPublicKeyInfo: current, next. */
  fleetPins: readonly string[]
  fleetCaPem: string
  version: string
}

/** `host:port` for the agent. */
export function hubAddress(publicUrl: string): string {
  const url = new URL(publicUrl)
  return `${url.hostname}:${url.port || '443'}`
}

/**
 * The roots that a download may have, as base64 of PEM: the pinned fleet CAs, or the operator's own chain, which curl takes as a
 * partial one. Either way the pinned key decides.
 */
export function trustBase64({ web, fleetCaPem, fleetPins }: InstallFacts): string {
  const pem = web.isOperatorProvided
    ? web.cert
    : certificates(fleetCaPem)
        .filter((one) => fleetPins.includes(pinOf(one)))
        .join('\n')
  return Buffer.from(`${pem.trim()}\n`).toString('base64')
}

function certificates(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

function pinOf(pem: string): string {
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('base64')
}
