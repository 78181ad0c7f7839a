// The hub's logger: pino, writing to a stream in this thread, with every secret-looking key redacted down to five levels.
import { pino, type DestinationStream } from 'pino'
import { type Log, redactedKeys } from '#shared/log/log.ts'
import { plainError, withPlainFields } from '#shared/log/plain-fields.ts'

export interface LogOptions {
  level: 'debug' | 'info' | 'warn' | 'error'
  /** One readable line instead of JSON, for a terminal. */
  pretty?: boolean
  /** Default: standard error, so that standard output stays for what the operator asked for. */
  destination?: DestinationStream
}

const redactedDepth = 5

const serializeError = (error: Error) => plainError(pino.stdSerializers.err(error))

/** pino's redaction knows no "at any depth", so the depths are listed. */
function redactedPaths(): string[] {
  const names = [...redactedKeys, 'set-cookie', 'tokenHash']
  return names.flatMap((name) =>
    Array.from({ length: redactedDepth }, (_, depth) => `${'*.'.repeat(depth).replace(/\.$/, '')}["${name}"]`.replace(/^\[/, '[')),
  )
}

export function createLog({ level, pretty = false, destination }: LogOptions): Log {
  const stream = destination ?? pino.destination({ fd: 2, sync: true })
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError, err: serializeError },
      redact: { paths: redactedPaths(), censor: '[redacted]' },
    },
    pretty ? prettyStream(stream) : stream,
  )
  return withPlainFields(logger as Log)
}

/** `22:59:28 warn  message  key=value …`, after redaction. Control characters are already escaped by JSON and stay so. */
export function prettyLine(json: string): string {
  const { level, time, msg, error, err = error, ...rest } = JSON.parse(json) as Record<string, unknown>
  const fields = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? quote(value) : visible(JSON.stringify(value) ?? '')}`,
  )
  const cause = (err as { stack?: string; message?: string } | undefined)?.stack ?? (err as { message?: string } | undefined)?.message
  const indented =
    cause === undefined
      ? ''
      : `\n${cause
          .split('\n')
          .map((line) => `    ${quote(line)}`)
          .join('\n')}`
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${quote(String(msg))}${fields.join('')}${indented}\n`
}

function quote(text: string): string {
  return visible(JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"'))
}

/** JSON leaves DEL, C1 controls and bidirectional overrides as they are; a terminal acts on them. */
function visible(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function prettyStream(to: DestinationStream): DestinationStream {
  return { write: (json: string) => to.write(prettyLine(json)) }
}
