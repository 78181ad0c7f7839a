// Which header fields pass between a client and the API of a cluster. Lists of what may pass, never of what may not: a field that
// nobody thought of (X-Remote-User, any spelling of Impersonate-*, what Connection names) does not pass.
// Both the hub and the agent rebuild every message from these.

/** Raw as node:http gives it: name, value, name, value. Names in any case, duplicates in order. */
export type RawHeaders = readonly string[]
export type Headers = Record<string, string | string[]>

/** One value; what comes a second time is dropped. */
const requestFields: ReadonlySet<string> = new Set([
  ...['accept', 'accept-encoding', 'accept-language', 'cache-control', 'content-encoding', 'content-language', 'content-type'],
  ...['if-match', 'if-modified-since', 'if-none-match', 'if-unmodified-since', 'if-range', 'range', 'user-agent'],
  ...['kubectl-command', 'kubectl-session', 'traceparent', 'tracestate', 'audit-id'],
])

/** Only with an upgrade; each value has a line of its own, as client-go sends and older API servers read them. */
const upgradeRequestFields: ReadonlySet<string> = new Set([
  ...['x-stream-protocol-version', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol', 'sec-websocket-extensions'],
])

/** Requests of kubectl accept several types in one line or in several. */
const manyLines: ReadonlySet<string> = new Set(['accept', 'x-stream-protocol-version', 'sec-websocket-protocol', 'warning', 'vary', 'link'])

const responseFields: ReadonlySet<string> = new Set([
  ...[
    'accept-ranges',
    'age',
    'cache-control',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-range',
    'content-type',
  ],
  ...['date', 'etag', 'expires', 'last-modified', 'link', 'location', 'pragma', 'retry-after', 'vary', 'warning'],
  ...['audit-id', 'x-kubernetes-pf-flowschema-uid', 'x-kubernetes-pf-prioritylevel-uid', 'traceparent', 'tracestate'],
])

const upgradeResponseFields: ReadonlySet<string> = new Set([
  ...['x-stream-protocol-version', 'sec-websocket-accept', 'sec-websocket-protocol', 'sec-websocket-extensions'],
])

/** Protocols that kubectl, browsers and client libraries upgrade to; the value as it is sent on. */
const upgradeProtocols: ReadonlyMap<string, string> = new Map([
  ['websocket', 'websocket'],
  ['spdy/3.1', 'SPDY/3.1'],
])

export function requestHeaders(raw: RawHeaders, options: { isUpgrade?: boolean } = {}): Headers {
  return pick(raw, options.isUpgrade === true ? [requestFields, upgradeRequestFields] : [requestFields])
}

export function responseHeaders(raw: RawHeaders, options: { isUpgrade?: boolean } = {}): Headers {
  return pick(raw, options.isUpgrade === true ? [responseFields, upgradeResponseFields] : [responseFields])
}

/** The one protocol that is asked for, undefined when there is none that passes. */
export function upgradeProtocol(raw: RawHeaders): string | undefined {
  const values = valuesOf(raw, 'upgrade')
  return values.length === 1 ? upgradeProtocols.get((values[0] ?? '').trim().toLowerCase()) : undefined
}

/** Every value of a field, in order. */
export function valuesOf(raw: RawHeaders, name: string): string[] {
  const values: string[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) if (raw[index]?.toLowerCase() === name) values.push(raw[index + 1] ?? '')
  return values
}

/** How the body of a message is delimited, for the message that is sent on. Undefined: it has none. */
export function bodyFraming(raw: RawHeaders, hasBody: boolean): Headers | undefined {
  const lengths = valuesOf(raw, 'content-length')
  if (lengths.length === 1 && /^\d{1,15}$/.test(lengths[0] ?? '') && valuesOf(raw, 'transfer-encoding').length === 0)
    return { 'content-length': lengths[0] ?? '0' }
  return hasBody ? { 'transfer-encoding': 'chunked' } : undefined
}

/** Node takes header values as bytes, one a character: a name in UTF-8 travels as its bytes, which is how Go reads it. */
export const toHeaderValue = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

function pick(raw: RawHeaders, allowed: readonly ReadonlySet<string>[]): Headers {
  const found = new Map<string, string[]>()
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    if (!allowed.some((set) => set.has(name))) continue
    const values = found.get(name)
    if (!values) found.set(name, [raw[index + 1] ?? ''])
    else if (manyLines.has(name)) values.push(raw[index + 1] ?? '')
  }
  return Object.fromEntries([...found].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]))
}
