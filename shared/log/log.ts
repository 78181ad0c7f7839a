// The logger that is passed around: pino's own shape, so that tests can pass a silent one.
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: object): Log
}

const nothing = () => {}
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLog }

/** Keys whose values never reach a log, wherever they are in an object. */
export const redactedKeys = [
  'token',
  'joinToken',
  'password',
  'secret',
  'authorization',
  'cookie',
  'seed',
  'privateKey',
  'jwt',
  'proxyUrl',
  'code',
  'session',
] as const
