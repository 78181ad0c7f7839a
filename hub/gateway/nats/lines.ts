// The two lines of the NATS protocol that the bridge reads and writes anew. Pure.
//
// CONNECT is rebuilt from known fields instead of being passed on: parsers differ on duplicate and differently spelt keys
// ("jwt" and "JWT"), and what was checked here must be what the server reads.
import { limits } from '#shared/contract/limits.ts'

export const maxInfoLineBytes = 32 * 1024
export const maxConnectLineBytes = limits.natsConnectLineBytes

/** What an agent gets to see of the server: no addresses, and TLS, which this hub has already done. Throws when it is not an INFO line. */
export function rewriteInfo(line: string): string {
  const match = /^INFO\s+(\{.*\})\s*$/i.exec(line)
  if (match?.[1] === undefined) throw new Error('not an INFO line')
  const info = JSON.parse(match[1]) as Record<string, unknown>
  for (const key of ['connect_urls', 'ws_connect_urls', 'client_ip', 'host', 'port', 'ip', 'cluster', 'tls_available', 'tls_verify'])
    delete info[key]
  return `INFO ${JSON.stringify({ ...info, tls_required: true })}\r\n`
}

export interface ConnectFields {
  jwt: string
  sig: string
  /** The CONNECT line for the server, with its line end. */
  line: string
}

const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === 'string' && value.length <= maxLength && !/[\u0000-\u001f\u007f]/.test(value)

/** Throws with what is wrong when the line is not a CONNECT with a JWT and a signature. */
export function readConnect(text: string, name: string): ConnectFields {
  const match = /^CONNECT\s+(\{.*\})\s*$/i.exec(text)
  if (match?.[1] === undefined) throw new Error('the first line is not CONNECT')
  const given = JSON.parse(match[1]) as Record<string, unknown>
  const { jwt, sig, lang, version } = given
  if (!isText(jwt, maxConnectLineBytes) || !isText(sig, 256)) throw new Error('CONNECT carries no JWT or no signature')
  const fields = {
    jwt,
    sig,
    name,
    lang: isText(lang, 32) ? lang : 'unknown',
    version: isText(version, 32) ? version : '0',
    protocol: 1,
    verbose: given.verbose === true,
    pedantic: given.pedantic === true,
    echo: given.echo !== false,
    headers: given.headers === true,
    no_responders: given.no_responders === true && given.headers === true,
    tls_required: false,
  }
  return { jwt, sig, line: `CONNECT ${JSON.stringify(fields)}\r\n` }
}
