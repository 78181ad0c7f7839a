// The agent's logger: pino to standard error in this thread (a worker transport would not survive the single executable).
import { pino, stdSerializers, stdTimeFunctions } from 'pino'
import { type Log, redactedKeys } from '#shared/log/log.ts'
import { plainError, withPlainFields } from '#shared/log/plain-fields.ts'

const error = (value: Error) => plainError(stdSerializers.err(value))

export function createLog(level: 'debug' | 'info' | 'warn' | 'error'): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: error, error },
      redact: { paths: redactedKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
    },
    pino.destination({ fd: 2, sync: true }),
  )
  return withPlainFields(logger as unknown as Log)
}
