// TLS over a dialled socket. The server is always verified: by the given CA alone, or by the roots of the hub's Node where none is given.
import { isIP, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { Clock } from '#shared/clock/clock.ts'
import { DialError, type DialErrorCode } from '#shared/errors/dial-error.ts'
import { within } from './limits.ts'

export const tlsTimeoutMs = 10_000

export interface DialTlsOptions {
  /** What the certificate must be for, and the name in the ClientHello unless it is an address. */
  servername: string
  /** PEM. */
  ca?: string
  /** PEM. */
  cert?: string
  key?: string
  /** For messages. */
  where: string
  clock: Clock
  signal?: AbortSignal
  timeoutMs?: number
}

const untrusted = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
]
const expired = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']

/** Resolves with a verified connection; destroys the socket when it fails. @throws DialError; the signal's reason when it is aborted */
export async function startTls(
  socket: Socket,
  { servername, where, clock, signal, timeoutMs = tlsTimeoutMs, ...trust }: DialTlsOptions,
): Promise<TLSSocket> {
  const late = () => new DialError('DialTimeout', `${where} did not answer the TLS handshake within ${timeoutMs / 1000} s`)
  let secure: TLSSocket | undefined
  try {
    return await within({ clock, timeoutMs, signal }, late, () => {
      const starting = connect({
        ...{ socket, ...trust, host: servername, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2' },
        ...(isIP(servername) === 0 && { servername }),
      })
      secure = starting
      return new Promise<TLSSocket>((resolve, reject) => {
        starting.once('error', reject)
        starting.once('close', () => reject(new Error('it closed the connection')))
        starting.once('secureConnect', () => {
          starting.removeAllListeners('error').removeAllListeners('close')
          // Until its next owner listens; it sees the closed socket.
          starting.on('error', () => {})
          resolve(starting)
        })
      })
    })
  } catch (error) {
    secure?.destroy()
    socket.destroy()
    signal?.throwIfAborted()
    if (error instanceof DialError) throw error
    throw new DialError(codeOf(error), `${where}: ${messageOf(error)}`, error)
  }
}

function codeOf(error: unknown): DialErrorCode {
  const { code = '' } = error as NodeJS.ErrnoException
  if (untrusted.includes(code)) return 'TlsUntrusted'
  if (expired.includes(code)) return 'TlsExpired'
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? 'TlsWrongName' : 'TlsFailed'
}

/** OpenSSL's errors are lines of its own with file names; the reason is the part that says something. Node's advice is not for a hub. */
function messageOf(error: unknown): string {
  const { message: said, reason, cert } = error as Error & { reason?: string; cert?: { subjectaltname?: string } }
  if (cert) return `its certificate is not for this name but for ${(cert.subjectaltname ?? 'none').slice(0, 256)}`
  const message = said.replace(/; if the root CA is installed locally.*$/s, '')
  return reason ?? message
}
